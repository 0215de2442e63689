import assert from 'node:assert/strict';
import { type DubboProvider, GREETING_SERVICE, startDubboProvider } from '../servers/dubbo.js';
import type { NacosServer } from '../servers/nacos.js';
import { startNacos2 } from '../servers/nacos2.js';
import { poll } from '../support/poll.js';
import { LegacyNacosClient } from './support/legacy-nacos-client.js';
import { clusterOf, Mesh } from './support/mesh.js';
import { loseLast, restartIsthmus, restartRegistry } from './support/plots.js';

const cluster = clusterOf('orders.nacos');
const grayCluster = clusterOf('orders.gray-group.nacos');
const greeting = clusterOf(`g1.1-0-0.${GREETING_SERVICE.toLowerCase()}.nacos`, 20_880);

describe('Nacos 2.3.2, as a sidecar sees it', function () {
  this.timeout(240_000);
  let nacos: NacosServer;
  let client: LegacyNacosClient;
  let provider: DubboProvider;
  let mesh: Mesh;

  const register = (index: number, change: object = {}) =>
    client.register('orders', `10.6.0.${index}`, { metadata: { zone: 'hz-a' }, ...change });
  const deregister = (index: number) => client.deregister('orders', `10.6.0.${index}`);
  const a = { target: '10.6.0.1:8080' };
  const b = { target: '10.6.0.2:8080' };
  const c = { target: '10.6.0.3:8080' };

  before(async () => {
    nacos = await startNacos2();
    client = await LegacyNacosClient.connect(nacos.address);
    await register(1);
    provider = await startDubboProvider({
      registry: `nacos://${nacos.address}`,
      application: 'shop',
      ...{ version: '2.7', group: 'g1', serviceVersion: '1.0.0', weight: 40 },
    });
    mesh = await Mesh.start({
      sources: [
        {
          name: 'nacos-hz',
          kind: 'nacos',
          servers: [`http://${nacos.address}`],
          namespaces: ['public'],
          listIntervalMs: 1000,
        },
      ],
    });
  });

  after(async () => {
    await mesh?.stop();
    await client?.close();
    await provider?.stop();
    await nacos?.stop();
  });

  it('shows instances that the npm client registers, in any group', async () => {
    await mesh.sees(cluster, [{ ...a, weight: 100, locality: 'hz-a' }]);
    await register(2);
    await mesh.sees(cluster, [a, b]);
    await client.register('orders', '10.6.0.9', {}, 'gray-group');
    await mesh.sees(grayCluster, [{ target: '10.6.0.9:8080' }]);
  });

  it('shows a real Dubbo provider that registers in Nacos', () =>
    mesh.sees(greeting, [{ target: `${provider.host}:${provider.ports.dubbo}`, weight: 40 }]));

  it('follows weight and metadata', async () => {
    const guard = mesh.guard(cluster, [a.target, b.target]);
    await register(2, { weight: 0.5, metadata: { zone: 'hz-b', version: 'v2' } });
    await mesh.sees(cluster, [
      { ...a, weight: 100 },
      { ...b, weight: 50, locality: 'hz-b' },
    ]);
    await poll(async () => (await mesh.labels('orders.nacos'))['10.6.0.2']?.['version'] === 'v2');
    guard.verify();
  });

  it('follows the switch "enabled" and a deregistration', async () => {
    const guard = mesh.guard(cluster, [a.target]);
    await register(2, { enabled: false });
    await mesh.sees(cluster, [a]);
    await register(2);
    await mesh.sees(cluster, [a, b]);
    await deregister(2);
    await mesh.sees(cluster, [a]);
    await register(2);
    await mesh.sees(cluster, [a, b]);
    guard.verify();
  });

  it('takes away an instance whose heartbeats end, and still knows it as unhealthy', async () => {
    const guard = mesh.guard(cluster, [a.target, b.target]);
    const crashing = await LegacyNacosClient.connect(nacos.address);
    const metadata = {
      'preserved.heart.beat.interval': '1000',
      'preserved.heart.beat.timeout': '4000',
      'preserved.ip.delete.timeout': '60000',
    };
    await crashing.register('orders', '10.6.0.4', { metadata });
    await mesh.sees(cluster, [a, b, { target: '10.6.0.4:8080' }]);
    await crashing.close();
    await mesh.sees(cluster, [a, b]);
    const known = await mesh.isthmus.instances('orders.nacos');
    assert.equal(known.find(({ address }) => address === '10.6.0.4')?.health, 'unhealthy');
    await client.deregister('orders', '10.6.0.4');
    guard.verify();
  });

  for (const how of ['stop', 'kill'] as const) {
    it(`loses nothing while Isthmus restarts (${how}), and gets what changed meanwhile`, () =>
      restartIsthmus(
        {
          ...{ mesh, cluster, live: [a.target, b.target] },
          change: () => (how === 'stop' ? register(3) : deregister(3)),
          expected: how === 'stop' ? [a, b, c] : [a, b],
        },
        how,
      ));
  }

  it('loses nothing while Nacos restarts, and follows it again', () =>
    restartRegistry(nacos, 'nacos-hz', {
      ...{ mesh, cluster, live: [a.target, b.target] },
      change: () => register(3),
      expected: [a, b, c],
    }));

  it('keeps the cluster with no endpoint when the last instance has gone', async () => {
    await loseLast({
      ...{ mesh, cluster },
      change: async () => {
        for (const index of [1, 2, 3]) await deregister(index);
      },
    });
    await loseLast({ mesh, cluster: greeting, change: () => provider.stop() });
  });
});
