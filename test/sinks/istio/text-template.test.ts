import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isDnsLabel } from '../../../sinks/istio/dns-names.js';
import { TextTemplate } from '../../../sinks/istio/text-template.js';

describe('a text template', () => {
  const render = (text: string, attributes: Record<string, string> = {}) =>
    new TextTemplate(text).render((name) => attributes[name]);

  it('puts attributes in as they are, or as a label', () => {
    assert.deepEqual(render('spiffe://x/ns/{a}/sa/{b.c/d}', { a: 'A_1', 'b.c/d': 'x y' }), {
      text: 'spiffe://x/ns/A_1/sa/x y',
    });
    assert.deepEqual(render('team-{a|label}', { a: '_Pay & Ship_' }), { text: 'team-pay-ship' });
    assert.deepEqual(render('plain'), { text: 'plain' });
  });

  it('gives nothing without an attribute, and says which', () => {
    for (const attributes of [{}, { a: '' }]) {
      assert.deepEqual(render('x-{a}', attributes), { reason: 'the template x-{a} needs a' });
    }
    assert.deepEqual(render('{a|label}', { a: '___' }), { reason: 'the template {a|label} needs a' });
  });

  it('says what is wrong with one', () => {
    for (const text of ['{', '}', '{}', '{a b}', '{a|upper}', '{1}', 'a{b'])
      assert.throws(() => new TextTemplate(text), SyntaxError);
  });

  it('makes a DNS label of whatever a registry holds, or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 200 }), fc.stringMatching(/^[-a-z]{0,200}$/)), (value) => {
        const rendered = render('{a|label}', { a: value });
        assert.ok('reason' in rendered || isDnsLabel(rendered.text), value);
      }),
    );
  });
});
