import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { isAllowedSan, isSanPattern, parseSubjectAltNames } from '../../../sinks/grpc/san-allow-list.js';
import { TestAuthority } from '../../support/test-authority.js';

function allowed(text: string, ...patterns: string[]): boolean {
  return isAllowedSan(parseSubjectAltNames(text), patterns);
}

describe('the allow-list of subject alternative names', () => {
  it('takes names as they are, in any case, and no others', () => {
    assert.ok(allowed('DNS:Istiod.istio-system.svc, DNS:b', 'istiod.istio-system.svc'));
    assert.ok(!allowed('DNS:istiod.istio-system.svc.evil.example', 'istiod.istio-system.svc'));
    assert.ok(!allowed('IP Address:10.0.0.1, email:istiod', '10.0.0.1', 'istiod'));
    assert.ok(!allowed('', 'a'));
  });

  it('takes with *.SUFFIX what is below it, not the suffix, nor a wildcard, nor a name that ends alike', () => {
    assert.ok(allowed('DNS:a.mesh.internal', '*.mesh.internal'));
    assert.ok(allowed('DNS:a.b.mesh.internal', '*.mesh.internal'));
    for (const text of [
      'DNS:mesh.internal',
      'DNS:*.mesh.internal',
      'DNS:evilmesh.internal',
      'URI:x://a.mesh.internal',
    ]) {
      assert.ok(!allowed(text, '*.mesh.internal'), text);
    }
  });

  it('takes URIs as they are, and with /* those below', () => {
    const istiod = 'URI:spiffe://cluster.local/ns/istio-system/sa/istiod';
    assert.ok(allowed(istiod, 'spiffe://cluster.local/ns/istio-system/sa/istiod'));
    assert.ok(allowed(istiod, 'spiffe://cluster.local/ns/istio-system/*'));
    assert.ok(!allowed(istiod, 'spiffe://cluster.local/ns/istio/*'));
    assert.ok(!allowed(istiod, 'spiffe://cluster.local/ns/istio-system/sa/istio'));
    assert.ok(
      !allowed('URI:spiffe://cluster.local/ns/istio-system/../other', 'spiffe://cluster.local/ns/istio-system/*'),
    );
    assert.ok(!allowed('DNS:spiffe://cluster.local/x', 'spiffe://cluster.local/x'), 'a DNS name is no URI');
  });

  it('is not taken in by a name that looks like several', () => {
    const authority = new TestAuthority();
    const names = ['b, URI:spiffe://mesh/admin', 'c", URI:spiffe://mesh/admin, DNS:"d', "e', DNS:admin"];
    for (const dns of names) {
      const text = new X509Certificate(authority.issue({ dns: [dns] }).cert).subjectAltName ?? '';
      assert.deepEqual(parseSubjectAltNames(text), [{ kind: 'dns', value: dns }]);
      assert.ok(!allowed(text, 'spiffe://mesh/admin', 'admin'));
    }
  });

  it('reads what Node writes of any names', () => {
    const authority = new TestAuthority();
    // IA5 strings without NUL, as certificates have them.
    const text = fc.string({
      unit: fc.integer({ min: 1, max: 126 }).map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 3 }), fc.array(text, { maxLength: 3 }), (dns, uris) => {
        const certificate = new X509Certificate(authority.issue({ dns, uris }).cert);
        assert.deepEqual(parseSubjectAltNames(certificate.subjectAltName ?? ''), [
          ...dns.map((value) => ({ kind: 'dns', value })),
          ...uris.map((value) => ({ kind: 'uri', value })),
        ]);
      }),
      { numRuns: 200 },
    );
  });

  it('never throws, and takes nothing from a text of another form', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseSubjectAltNames(text);
      }),
    );
    assert.deepEqual(parseSubjectAltNames('DNS:a, "DNS:b'), []);
    assert.deepEqual(parseSubjectAltNames('nothing'), []);
  });

  it('knows what can be a pattern', () => {
    for (const good of ['a', 'istiod.istio-system.svc', '*.mesh', 'spiffe://a/b', 'spiffe://a/*', 'https://x']) {
      assert.ok(isSanPattern(good), good);
    }
    for (const bad of ['', '*', 'a.*', 'a b', '*.', 'spiffe://*/a', 'a..b', '-a', '1.2.3.4/8', 'spiffe://a/*/b']) {
      assert.ok(!isSanPattern(bad), bad);
    }
  });
});
