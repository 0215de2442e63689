import assert from 'node:assert/strict';
import { ServiceEntry, ServiceEntry_Resolution, type WorkloadEntry } from '../../../proto/gen/service_entry.js';
import { isDnsLabel, isDnsName } from '../../../sinks/istio/dns-names.js';
import { exportToProblems } from '../../../sinks/istio/export-to.js';
import { isLabelKey, isLabelValue } from '../../../sinks/istio/labels.js';
import { validateServiceEntry } from '../../../sinks/istio/validate.js';

const http = { number: 80, protocol: 'HTTP', name: 'http', targetPort: 0 };
const endpoint: WorkloadEntry = {
  address: '10.0.0.1',
  ports: { http: 8080 },
  labels: { version: 'v1' },
  network: '',
  locality: '',
  weight: 1,
  serviceAccount: '',
};

function entry(overrides: Partial<ServiceEntry> = {}): ServiceEntry {
  return ServiceEntry.fromPartial({
    hosts: ['orders.nacos'],
    ports: [http],
    resolution: ServiceEntry_Resolution.STATIC,
    endpoints: [endpoint],
    ...overrides,
  });
}

describe('validation of a ServiceEntry', () => {
  it('lets pass what istiod takes', () => {
    assert.deepEqual(validateServiceEntry(entry()), []);
    assert.deepEqual(validateServiceEntry(entry({ endpoints: [], ports: [] })), []);
  });

  const refused: [string, Partial<ServiceEntry>, RegExp][] = [
    ['a host with an underscore', { hosts: ['orders_1.nacos'] }, /no DNS name/],
    ['a host in capitals', { hosts: ['Orders.nacos'] }, /no DNS name/],
    ['a host that ends in a number', { hosts: ['10.0.0.1'] }, /no DNS name/],
    ['no host', { hosts: [] }, /one host/],
    ['two hosts', { hosts: ['a.b', 'c.d'] }, /one host/],
    ['a port name in capitals', { ports: [{ ...http, name: 'HTTP' }], endpoints: [] }, /no DNS label/],
    ['a port name twice', { ports: [http, { ...http, number: 81 }] }, /"http" is there twice/],
    ['a port number twice', { ports: [http, { ...http, name: 'other' }] }, /port 80 is there twice/],
    ['port 0', { ports: [{ ...http, number: 0 }] }, /port 0 is no whole number/],
    ['port 65536', { ports: [{ ...http, number: 65_536 }] }, /65536/],
    ['an unknown protocol', { ports: [{ ...http, protocol: 'FTP' }] }, /"FTP" is unknown/],
    ['a name under STATIC', { endpoints: [{ ...endpoint, address: 'a.b' }] }, /"a.b" is no IP address/],
    [
      'no name at all under DNS',
      { resolution: ServiceEntry_Resolution.DNS, endpoints: [{ ...endpoint, address: 'a b' }] },
      /neither/,
    ],
    ['an unknown port', { endpoints: [{ ...endpoint, ports: { dubbo: 1 } }] }, /unknown port "dubbo"/],
    ['an endpoint port 0', { endpoints: [{ ...endpoint, ports: { http: 0 } }] }, /port 0/],
    ['a label value', { endpoints: [{ ...endpoint, labels: { version: 'a b' } }] }, /label "version"/],
    ['a label key', { endpoints: [{ ...endpoint, labels: { 'a b': '' } }] }, /label "a b"/],
    ['a weight over 32 bits', { endpoints: [{ ...endpoint, weight: 2 ** 32 }] }, /weight 4294967296/],
    ['a fraction of a weight', { endpoints: [{ ...endpoint, weight: 0.5 }] }, /weight 0.5/],
  ];
  for (const [what, overrides, reason] of refused) {
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
