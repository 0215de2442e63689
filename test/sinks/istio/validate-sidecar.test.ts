import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isEgressHost, validateSidecar } from '../../../sinks/istio/validate-sidecar.js';

const labels = { app: 'orders' };
const hosts = ['./*', 'istio-system/*', '*/pay.nacos'];

describe('why istiod would not take a Sidecar', () => {
  it('is nothing when it would', () => {
    assert.deepEqual(validateSidecar({ workloadSelector: { labels }, egress: [{ hosts }] }), []);
  });

  const refused: [string, Parameters<typeof validateSidecar>[0], RegExp][] = [
    ['no selector', { egress: [{ hosts }] }, /workloadSelector has no labels/],
    ['no labels', { workloadSelector: { labels: {} }, egress: [{ hosts }] }, /workloadSelector has no labels/],
    [
      'a wildcard',
      { workloadSelector: { labels: { app: 'a*' } }, egress: [{ hosts }] },
      /"a\*" of "app" is no label value/,
    ],
    ['a key', { workloadSelector: { labels: { 'a b': 'c' } }, egress: [{ hosts }] }, /"a b" is no label key/],
    ['an empty value', { workloadSelector: { labels: { app: '' } }, egress: [{ hosts }] }, /is no label value/],
    ['no egress', { workloadSelector: { labels }, egress: [] }, /there is no egress/],
    ['no hosts', { workloadSelector: { labels }, egress: [{ hosts: [] }] }, /egress has no hosts/],
    ['two listeners', { workloadSelector: { labels }, egress: [{ hosts }, { hosts }] }, /more than one egress/],
    ['a host twice', { workloadSelector: { labels }, egress: [{ hosts: ['*/a.b', '*/a.b'] }] }, /has "\*\/a\.b" twice/],
    ['a bare host', { workloadSelector: { labels }, egress: [{ hosts: ['pay.nacos'] }] }, /is no namespace\/host/],
  ];
  for (const [what, sidecar, reason] of refused) {
    it(`is ${what}`, () => assert.match(validateSidecar(sidecar).join(), reason));
  }

  it('is a host that is none', () => {
    for (const host of ['*/*', '*/a.b', './*', '~/*', 'ns/*.b.c', '~ns/a.b']) assert.ok(isEgressHost(host), host);
    for (const host of ['', '/', '*/', '/a', 'a', 'Ns/a.b', 'n.s/a', '*/a*.b', '*/A', '*/a/b', '*/1.2.3.4'])
      assert.ok(!isEgressHost(host), host);
  });

  it('never takes long or fails, whatever the texts', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), fc.array(fc.string()), (any, texts) => {
        for (const reason of validateSidecar({ workloadSelector: { labels: any }, egress: [{ hosts: texts }] })) {
          assert.ok(reason.length < 400);
        }
      }),
    );
  });
});
