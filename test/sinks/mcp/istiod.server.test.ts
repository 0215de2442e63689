import assert from 'node:assert/strict';
import { protocols } from '../../../core/model/index.js';
import { type IstiodServer, startIstiod } from '../../servers/istiod.js';
import { pickPort } from '../../servers/ports.js';
import { AdsClient } from '../../support/ads-client.js';
import { http } from '../../support/http.js';
import { anInstance } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { CLUSTER_TYPE } from '../../support/sidecar-wire.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { type RunningSink, runSink } from '../support/running-sink.js';
import { catalogService, instances } from '../support/services.js';

/** ServiceEntries that istiod holds, by `namespace/name`. */
async function configOf(istiod: IstiodServer): Promise<Map<string, Record<string, unknown>>> {
  const { body } = await http(`${istiod.url}/debug/configz`);
  const all = JSON.parse(body) as { kind: string; metadata: { namespace: string; name: string }; spec: object }[];
  const entries = all.filter(({ kind }) => kind === 'ServiceEntry');
  return new Map(entries.map(({ metadata: { namespace, name }, spec }) => [`${namespace}/${name}`, { ...spec }]));
}

describe('the MCP sink and a real istiod', function () {
  this.timeout(240_000);
  const catalog = new MemoryCatalog({ ready: false });
  const cluster = 'outbound|80||orders.nacos';
  let sink: RunningSink;
  let istiod: IstiodServer;
  let sidecar: AdsClient;
  let listen: string;

  before(async () => {
    listen = `127.0.0.1:${await pickPort()}`;
    catalog.put(catalogService('orders.nacos', instances(2)));
    sink = await runSink(catalog, { listen, emptyServices: { keepMs: 2000 } });
    const starting = startIstiod({ configSources: [`xds://${listen}`] });
    // Every type but ServiceEntry is answered before the catalog is ready.
    await poll(() => sink.sink.status().clients[0]?.types.filter(({ state }) => state === 'acked').length === 15, {
      timeoutMs: 90_000,
      what: '15 types to be acknowledged',
    });
    const waiting = sink.sink.status().clients[0]?.types.filter(({ state }) => state === 'waiting');
    assert.deepEqual(waiting, [{ typeUrl: 'networking.istio.io/v1/ServiceEntry', state: 'waiting' }]);
    catalog.becomeReady();
    istiod = await starting;
    sidecar = new AdsClient(istiod.adsAddress);
  });

  after(async () => {
    sidecar?.close();
    await istiod?.stop();
    await sink?.stop();
  });

  it('shows a sidecar endpoints with port, weight and locality', async () => {
    const locality = { region: 'cn-hz', zone: 'a', subzone: '' };
    catalog.put(
      catalogService('orders.nacos', [
        anInstance('a', { address: '10.1.0.1', ports: { http: 9001 }, weight: 50, locality }),
        anInstance('b', { address: '2001:db8::1', ports: { http: 9002 }, health: 'unknown' }),
        anInstance('c', { address: '10.1.0.3', health: 'unhealthy' }),
        anInstance('d', { address: '10.1.0.4', weight: 0 }),
      ]),
    );
    const endpoints = await sidecar.waitForEndpoints(cluster, (list) => list.some(({ port }) => port === 9002));
    assert.deepEqual(endpoints.map(({ target, weight, locality }) => [target, weight, locality]).sort(), [
      ['10.1.0.1:9001', 50, 'cn-hz/a'],
      ['2001:db8::1:9002', 100, ''],
    ]);
  });

  it('changes endpoints with no push of clusters, and empties a service without removing it', async () => {
    catalog.put(catalogService('orders.nacos', instances(1)));
    await sidecar.waitForEndpoints(cluster, (list) => list.length === 1);
    const pushes = sidecar.pushes.get(CLUSTER_TYPE);
    catalog.put(catalogService('orders.nacos', instances(3)));
    await sidecar.waitForEndpoints(cluster, (list) => list.length === 3);
    catalog.put(catalogService('orders.nacos', []));
    await sidecar.waitForEndpoints(cluster, (list) => list.length === 0);
    catalog.put(catalogService('orders.nacos', instances(2)));
    await sidecar.waitForEndpoints(cluster, (list) => list.length === 2);
    assert.equal(sidecar.pushes.get(CLUSTER_TYPE), pushes);
    assert.ok(sidecar.clusters.has(cluster));
  });

  it('has an endpoint dialled only on ports that it has; a port that goes takes no endpoints of another', async () => {
    const dubbo = { name: 'dubbo', number: 20880, protocol: 'dubbo' } as const;
    const tri = { name: 'tri', number: 50051, protocol: 'tri' } as const;
    const providers = [
      anInstance('1', { address: '10.3.0.1', ports: { dubbo: 20881 } }),
      anInstance('2', { address: '10.3.0.2', ports: { tri: 50052 } }),
      anInstance('3', { address: '10.3.0.3', ports: { dubbo: 20883, tri: 50053 } }),
    ];
    const targets = async (port: number, count: number) => {
      const found = await sidecar.waitForEndpoints(`outbound|${port}||api.dubbo`, (list) => list.length === count);
      return found.map(({ target }) => target).sort();
    };
    catalog.put(catalogService('api.dubbo', providers, { ports: [dubbo, tri] }));
    assert.deepEqual(await targets(20880, 2), ['10.3.0.1:20881', '10.3.0.3:20883']);
    assert.deepEqual(await targets(50051, 2), ['10.3.0.2:50052', '10.3.0.3:50053']);
    catalog.put(catalogService('api.dubbo', providers, { ports: [dubbo] }));
    await poll(() => !sidecar.clusters.has('outbound|50051||api.dubbo'), { what: 'the port to go' });
    assert.deepEqual(await targets(20880, 2), ['10.3.0.1:20881', '10.3.0.3:20883']);
    // The lowest port's resource has the host's name: that of another port takes it over.
    catalog.put(catalogService('api.dubbo', providers, { ports: [tri] }));
    await poll(() => !sidecar.clusters.has('outbound|20880||api.dubbo'), { what: 'the other port to go' });
    assert.deepEqual(await targets(50051, 2), ['10.3.0.2:50052', '10.3.0.3:50053']);
  });

  it('sends nothing that istiod refuses, whatever a registry holds', async () => {
    const strange = anInstance('x', {
      address: '10.2.0.1',
      ports: { web: 8080, dubbo: 20880, admin: 1 },
      metadata: { version: 'v1_α', app: 'a'.repeat(64), zone: '-', tag: 'gray.1' },
      locality: { region: '', zone: 'b', subzone: '' },
      network: 'site-b',
      weight: 1_000_000,
    });
    const sent = [
      catalogService('strange.nacos', [strange, anInstance('y', { address: 'not a host', ports: { web: 1 } })], {
        ports: [
          { name: 'web', number: 80, protocol: 'http' },
          { name: 'dubbo', number: 20880, protocol: 'dubbo' },
        ],
      }),
      catalogService('protocols.nacos', [], {
        ports: protocols.map((protocol, index) => ({ name: protocol, number: 1000 + index, protocol })),
      }),
      catalogService('no-ports.nacos', [], { ports: [] }),
      catalogService('names.nacos', [anInstance('n', { address: 'provider-1.internal' }), ...instances(1)]),
      catalogService(`${'l'.repeat(63)}.${'m'.repeat(63)}.${'n'.repeat(63)}.${'o'.repeat(61)}`, instances(1)),
      catalogService('24.7.nacos-1', instances(1)),
    ];
    catalog.put(...sent, catalogService('1.2.3.4', instances(1)));
    const held = await poll(async () => {
      const entries = await configOf(istiod);
      return sent.every(({ host }) => entries.has(`legacy/${host}`)) && entries;
    });
    const entry = held.get('legacy/strange.nacos') as { endpoints: unknown[] };
    assert.deepEqual(entry.endpoints, [
      {
        address: '10.2.0.1',
        labels: { tag: 'gray.1' },
        locality: '/b',
        network: 'site-b',
        ports: { 'http-web': 8080 },
        weight: 1_000_000,
      },
    ]);
    assert.ok(held.has('legacy/strange.nacos.20880'));
    for (let port = 1001; port < 1000 + protocols.length; port++) assert.ok(held.has(`legacy/protocols.nacos.${port}`));
    assert.deepEqual(
      sink.sink.status().invalid.map(({ host }) => host),
      ['1.2.3.4'],
    );
    assert.equal((held.get('legacy/names.nacos') as { resolution: string }).resolution, 'DNS');
    assert.doesNotMatch(istiod.logs(2000), /Invalid data|Error adding|Error updating|Error unmarshalling/);
  });

  it('keeps the last good copy of a service that istiod would refuse', async () => {
    const twice = [
      { name: 'http', number: 80, protocol: 'http' },
      { name: 'other', number: 80, protocol: 'http' },
    ] as const;
    catalog.put(catalogService('orders.nacos', instances(4), { ports: twice }), catalogService('later.nacos'));
    await sidecar.waitForCluster('outbound|80||later.nacos');
    const endpoints = await sidecar.waitForEndpoints(cluster, () => true);
    assert.equal(endpoints.length, 2);
    catalog.remove('1.2.3.4');
    await poll(() => sink.sink.status().invalidCount === 1);
    assert.deepEqual(sink.sink.status().invalid, [
      { host: 'orders.nacos', reasons: ['the port 80 is there twice'], serving: true },
    ]);
  });

  it('is kept by istiod over a restart, and takes it up again', async () => {
    catalog.put(catalogService('orders.nacos', instances(2)));
    await poll(() => sink.sink.status().invalidCount === 0);
    await sink.stop();
    await poll(async () => (await configOf(istiod)).has('legacy/orders.nacos'));
    const pushes = sidecar.pushes.get(CLUSTER_TYPE);
    sink = await runSink(catalog, { listen, emptyServices: { keepMs: 2000 } });
    await poll(() => sink.sink.status().clients[0]?.types.every(({ state }) => state === 'acked'), {
      timeoutMs: 120_000,
      what: 'istiod to come back',
    });
    assert.equal(sidecar.endpoints(cluster)?.length, 2);
    // The same bytes with the same versions: istiod sees no change.
    assert.equal(sidecar.pushes.get(CLUSTER_TYPE), pushes);
    catalog.put(catalogService('orders.nacos', instances(5)));
    await sidecar.waitForEndpoints(cluster, (list) => list.length === 5);
  });

  it('keeps a service that the catalog drops without endpoints for its time, then takes it away', async () => {
    const pushes = sidecar.pushes.get(CLUSTER_TYPE);
    catalog.remove('orders.nacos');
    await sidecar.waitForEndpoints(cluster, (list) => list.length === 0);
    assert.ok(sidecar.clusters.has(cluster));
    assert.equal(sidecar.pushes.get(CLUSTER_TYPE), pushes);
    await sidecar.waitForCluster(cluster, { present: false });
  });
});
