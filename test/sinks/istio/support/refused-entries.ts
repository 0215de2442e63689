import { ServiceEntry, ServiceEntry_Resolution, type WorkloadEntry } from '../../../../proto/gen/service_entry.js';

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

/** A ServiceEntry that istiod takes, but for what a test makes of it. */
export function entry(overrides: Partial<ServiceEntry> = {}): ServiceEntry {
  return ServiceEntry.fromPartial({
    hosts: ['orders.nacos'],
    ports: [http],
    resolution: ServiceEntry_Resolution.STATIC,
    endpoints: [endpoint],
    ...overrides,
  });
}

/** What is refused, and why. */
export const refusedEntries: [string, Partial<ServiceEntry>, RegExp][] = [
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
  ['an address that is none', { addresses: ['10.0.0'] }, /"10.0.0" is no IP address or block/],
  ['a block that is none', { addresses: ['10.0.0.0/33'] }, /no IP address or block/],
  [
    'a block under DNS',
    { resolution: ServiceEntry_Resolution.DNS, addresses: ['10.0.0.0/8'] },
    /is a block, for STATIC and NONE alone/,
  ],
  ['endpoints under NONE', { resolution: ServiceEntry_Resolution.NONE }, /NONE has no endpoints/],
  [
    'two endpoints under DNS_ROUND_ROBIN',
    {
      resolution: ServiceEntry_Resolution.DNS_ROUND_ROBIN,
      endpoints: [endpoint, { ...endpoint, address: '10.0.0.2' }],
    },
    /one endpoint at most/,
  ],
  ['a resolution that is none', { resolution: 9 as ServiceEntry_Resolution }, /resolution 9 is unknown/],
  ['a target port over 65535', { ports: [{ ...http, targetPort: 70_000 }], endpoints: [] }, /target port 70000/],
  ['a namespace twice', { exportTo: ['a', 'a'] }, /names a namespace twice/],
  ['a fraction of a weight', { endpoints: [{ ...endpoint, weight: 0.5 }] }, /weight 0.5/],
];
