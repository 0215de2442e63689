import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import { type Instance, type Port, protocols } from '../../../core/model/index.js';
import { type EnvoyServer, startEnvoy } from '../../servers/envoy.js';
import { pickPorts } from '../../servers/ports.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import { poll } from '../../support/poll.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { type RunningXds, runXds } from './support/running-xds.js';

/** Texts that registries hold, and that no resource may be broken by. */
const text = fc.oneof(
  fc.string({ maxLength: 20, unit: 'binary' }),
  fc.constantFrom(
    '',
    'a',
    '__proto__',
    '*',
    'a/b',
    '\n',
    '\u0000',
    '\ud800',
    'x'.repeat(300),
    '..',
    'Ünïcode',
    '%2e',
    '日本',
  ),
);
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const host = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(label, fc.constantFrom('legacy', 'dubbo', 'other.legacy')).map((parts) => parts.join('.')),
  },
  { weight: 1, arbitrary: fc.constantFrom(`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(50)}`) },
  { weight: 1, arbitrary: text },
);
const address = fc.oneof(
  { weight: 6, arbitrary: fc.ipV4() },
  { weight: 2, arbitrary: fc.ipV6() },
  {
    weight: 1,
    arbitrary: fc.constantFrom('localhost', 'name.invalid', 'a.b', '1', '127.1', 'fe80::1%eth0', '::ffff:1.2.3.4'),
  },
  { weight: 1, arbitrary: text },
);
const port = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 65_535 }) },
  fc.constantFrom(0, -1, 65_536, 1.5),
);
const weight = fc.oneof(fc.integer({ min: 0, max: 1_000_000 }), fc.constantFrom(0, 1, 0xffff_ffff, 1e12, -1, 0.5));
const names = ['http', 'main', 'grpc'] as const;

const instance: fc.Arbitrary<Instance> = fc.record(
  {
    id: fc.uuid(),
    address,
    ports: fc.dictionary(fc.constantFrom(...names), port),
    health: fc.constantFrom('healthy', 'unhealthy', 'draining', 'unknown'),
    weight,
    metadata: fc.constant({}),
    locality: fc.record({ region: text, zone: text, subzone: text }),
  },
  { requiredKeys: ['id', 'address', 'ports', 'health', 'weight', 'metadata'] },
);
const ports: fc.Arbitrary<Port[]> = fc.array(
  fc.record({ name: fc.constantFrom(...names), number: port, protocol: fc.constantFrom(...protocols) }),
  { maxLength: 3 },
);
const service: fc.Arbitrary<CatalogService> = fc.record({
  host,
  ports,
  metadata: fc.constant({}),
  origins: fc
    .record({
      source: fc.constant('s'),
      service: fc.constant('s'),
      attributes: fc.dictionary(fc.constantFrom('interface', 'group', 'version', 'dubboGroup'), text),
      instances: fc.array(instance, { maxLength: 8 }),
      active: fc.constant(true),
    })
    .map((origin) => [origin]),
  version: fc.constant(''),
});

describe('a real Envoy, told of services of any kind', function () {
  this.timeout(180_000);
  let catalog: MemoryCatalog;
  let certificates: Certificates;
  let xds: RunningXds;
  let envoy: EnvoyServer;

  before(async () => {
    catalog = new MemoryCatalog();
    certificates = await makeCertificates();
    const [web = 0, pass = 0, ended = 0, dubbo = 0, thrift = 0, one = 0] = await pickPorts(6);
    const tls = { certificates: [certificates.server] };
    const at = (name: string, number: number) => ({ name, listen: `127.0.0.1:${number}` });
    xds = await runXds(catalog, {
      gateways: [
        {
          name: 'edge',
          domain: 'long-enough-to-make-some-names-too-long.example.com',
          locality: 'a/b/c',
          rules: [
            {
              hosts: ['a*'],
              domains: ['shared.example.com'],
              paths: ['/x', '/y/', '/z.*+()[]{}|^$'],
              stripPath: true,
            },
            { hosts: ['b*', 'c*'], domains: ['shared.example.com', 'www.example.com'], retry: { on: ['5xx'] } },
            { hosts: ['d*'], port: 'main', timeoutMs: 0, retry: false, thriftService: 'same' },
          ],
          listeners: [
            { ...at('web', web), protocol: 'http', tls },
            { ...at('pass', pass), protocol: 'tls' },
            { ...at('ended', ended), protocol: 'tcp', tls },
            { ...at('dubbo', dubbo), protocol: 'dubbo' },
            { ...at('thrift', thrift), protocol: 'thrift' },
            { ...at('one', one), protocol: 'tcp', service: 'one.legacy' },
          ],
        },
      ],
    });
    envoy = await startEnvoy({ ads: xds.address, cluster: 'edge', delta: true });
  });
  after(async () => {
    await envoy?.stop();
    await xds?.stop();
    await certificates?.remove();
  });

  it('refuses nothing that it is sent', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(service, { maxLength: 12 }), async (services) => {
        round++;
        const marker: CatalogService = {
          ...{ host: `marker-${round}.legacy`, metadata: {}, origins: [], version: '' },
          ports: [{ name: 'http', number: 80, protocol: 'http' }],
        };
        const hosts = new Set(services.map((one) => one.host));
        catalog.remove(...[...catalog.snapshot().services.keys()].filter((known) => !hosts.has(known)));
        catalog.put(...services, marker);
        await poll(async () => (await envoy.clusters()).some(({ name }) => name === `edge/${marker.host}:80`), {
          what: 'Envoy to have the last service',
        });
        await poll(() => isSettled(xds), { what: 'Envoy to answer' });
        const refused = xds.sink.status().clients.flatMap(({ types }) => types.flatMap((type) => type.refused ?? []));
        assert.deepEqual(refused, []);
        assert.equal(await envoy.rejected(), 0);
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });
});

/** Whether its client has answered for all that the sink has written. */
function isSettled(xds: RunningXds): boolean {
  const types = xds.sink.status().clients.flatMap((client) => client.types);
  return types.length > 0 && types.every(({ state, pending }) => /^n?acked$/.test(state) && (pending ?? 0) === 0);
}
