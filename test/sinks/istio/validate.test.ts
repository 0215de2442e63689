import assert from 'node:assert/strict';
import type { ServiceEntry } from '../../../proto/gen/service_entry.js';
import { isDnsLabel, isDnsName } from '../../../sinks/istio/dns-names.js';
import { exportToProblems } from '../../../sinks/istio/export-to.js';
import { isLabelKey, isLabelValue } from '../../../sinks/istio/labels.js';
import { validateServiceEntries, validateServiceEntry } from '../../../sinks/istio/validate.js';
import { entry, refusedEntries } from './support/refused-entries.js';

describe('validation of the entries of a host', () => {
  const named = (name: string, overrides: Partial<ServiceEntry> = {}) => ({ name, entry: entry(overrides) });

  it('refuses a name that no resource can have, and two entries with one port', () => {
    assert.deepEqual(validateServiceEntries([named('orders.nacos')]), []);
    assert.match(validateServiceEntries([named('a/b')]).join(), /name "a\/b" is no DNS name/);
    assert.match(validateServiceEntries([named('a.'.repeat(127))]).join(), /is no DNS name/);
    assert.match(validateServiceEntries([named('a'), named('b')]).join(), /the port 80 is there twice/);
  });
});

describe('validation of a ServiceEntry', () => {
  it('lets pass what istiod takes', () => {
    assert.deepEqual(validateServiceEntry(entry()), []);
    assert.deepEqual(validateServiceEntry(entry({ endpoints: [], ports: [] })), []);
  });

  for (const [what, overrides, reason] of refusedEntries) {
    it(`refuses ${what}`, () => {
      const problems = validateServiceEntry(entry(overrides));
      assert.ok(
        problems.some((problem) => reason.test(problem)),
        problems.join('\n') || 'nothing refused',
      );
    });
  }

  it('keeps the reason short when the input is not', () => {
    assert.ok((validateServiceEntry(entry({ hosts: ['x'.repeat(100_000)] }))[0]?.length ?? 0) < 200);
  });

  it('takes the combinations of exportTo that istiod takes', () => {
    for (const good of [[], ['*'], ['~'], ['.'], ['.', 'shop'], ['shop', 'pay']]) {
      assert.deepEqual(exportToProblems(good), [], good.join());
    }
    for (const bad of [['*', 'shop'], ['~', '.'], ['shop', 'shop'], ['Shop'], ['']]) {
      assert.notDeepEqual(exportToProblems(bad), [], bad.join());
    }
  });
});

describe('names that Kubernetes and DNS take', () => {
  it('labels and names of DNS', () => {
    for (const good of ['a', '1', 'a-b', 'x'.repeat(63)]) assert.ok(isDnsLabel(good), good);
    for (const bad of ['', '-a', 'a-', 'A', 'a.b', 'a_b', 'x'.repeat(64)]) assert.ok(!isDnsLabel(bad), bad);
    const longest = `${'l'.repeat(63)}.${'m'.repeat(63)}.${'n'.repeat(63)}.${'o'.repeat(61)}`;
    for (const good of ['a', 'a.b', '1.a', longest]) assert.ok(isDnsName(good), good);
    for (const bad of ['', '.', 'a.', 'a..b', '1', 'a.1', '1.2.3.4', `${longest}o`]) assert.ok(!isDnsName(bad), bad);
  });

  it('keys and values of labels', () => {
    for (const good of ['a', 'A_b.c-d', 'app.kubernetes.io/name', 'x'.repeat(63)]) assert.ok(isLabelKey(good), good);
    for (const bad of ['', '_a', 'a/', '/a', 'a/b/c', 'a b', '__proto__', 'x'.repeat(64)]) {
      assert.ok(!isLabelKey(bad), bad);
    }
    for (const good of ['', 'v1', '1.0.0', 'A_b']) assert.ok(isLabelValue(good), good);
    for (const bad of ['-', 'a ', 'ä', 'a/b', 'v1\n', 'x'.repeat(64)]) assert.ok(!isLabelValue(bad), bad);
  });
});
