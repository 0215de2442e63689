import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { ConsulWriter } from '../adapters/consul/consul-writer.js';
import { EurekaWriter } from '../adapters/eureka/eureka-writer.js';
import { type ConsulServer, startConsul } from '../servers/consul.js';
import { type EurekaServer, startEureka } from '../servers/eureka.js';
import { startIstiod } from '../servers/istiod.js';
import type { NacosServer } from '../servers/nacos.js';
import { startNacos2 } from '../servers/nacos2.js';
import { startZookeeper, type ZookeeperServer } from '../servers/zookeeper.js';
import { AdsClient, type SidecarEndpoint } from '../support/ads-client.js';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { ZookeeperWriter } from '../support/zookeeper-writer.js';
import { LegacyNacosClient } from './support/legacy-nacos-client.js';
import { clusterOf, Mesh } from './support/mesh.js';
import { onDisk } from './support/on-disk.js';

const interfaceName = 'shop.api.StockService';
const union = clusterOf('orders.mesh');
const preferred = clusterOf('users.mesh');

describe('four registries at once, as a sidecar sees them', function () {
  this.timeout(240_000);
  let zookeeper: ZookeeperServer;
  let nacos: NacosServer;
  let eureka: EurekaServer;
  let consul: ConsulServer;
  let dubbo: ZookeeperWriter;
  let nacosClient: LegacyNacosClient;
  let eurekaWriter: EurekaWriter;
  let consulWriter: ConsulWriter;
  let mesh: Mesh;

  const inNacos = { target: '10.1.0.1:8080' };
  const inConsul = { target: '10.2.0.1:8080' };
  const inEureka = { target: '10.3.0.1:8080' };
  const register = (name: string, change: object = {}) =>
    consulWriter.register({ name, id: name, address: '10.2.0.1', port: 8080, status: 'pass', ...change });

  before(async () => {
    [zookeeper, nacos, eureka, consul] = await Promise.all([
      startZookeeper(),
      startNacos2(),
      startEureka(),
      startConsul(),
    ]);
    dubbo = await ZookeeperWriter.connect(zookeeper.address);
    nacosClient = await LegacyNacosClient.connect(nacos.address);
    eurekaWriter = new EurekaWriter(eureka.url);
    consulWriter = new ConsulWriter(consul);
    const url = `dubbo://10.4.0.1:20881/${interfaceName}?application=shop&interface=${interfaceName}&side=provider`;
    await dubbo.create(`/dubbo/${interfaceName}/providers/${encodeURIComponent(url)}`, '', { ephemeral: true });
    for (const name of ['orders', 'users']) {
      await nacosClient.register(name, '10.1.0.1');
      await register(name);
    }
    await eurekaWriter.register('ORDERS', { id: 'i1', address: '10.3.0.1', port: 8080 });
    mesh = await Mesh.start({
      sources: [
        { name: 'dubbo-hz', kind: 'zookeeper', servers: [zookeeper.address] },
        {
          name: 'nacos-hz',
          kind: 'nacos',
          servers: [`http://${nacos.address}`],
          namespaces: ['public'],
          listIntervalMs: 1000,
        },
        { name: 'eureka-bj', kind: 'eureka', servers: [eureka.url], intervalMs: 1000 },
        { name: 'consul-bj', kind: 'consul', servers: [consul.url] },
      ],
      naming: [
        { source: 'nacos-hz', host: '{name}.mesh' },
        { source: 'consul-bj', service: 'orders', host: '{name}.mesh' },
        { source: 'consul-bj', service: 'users', host: '{name}.mesh' },
      ],
      merge: { rules: [{ host: 'users.mesh', prefer: ['consul-bj', 'nacos-hz'] }] },
    });
  });

  after(async () => {
    await mesh?.stop();
    await dubbo?.close();
    await nacosClient?.close();
    consulWriter?.close();
    await Promise.all([zookeeper?.stop(), nacos?.stop(), eureka?.stop(), consul?.stop()]);
  });

  it('shows the services of each', async () => {
    await mesh.sees(clusterOf(`${interfaceName.toLowerCase()}.dubbo`, 20_880), [{ target: '10.4.0.1:20881' }]);
    await mesh.sees(clusterOf('orders.eureka'), [inEureka]);
    const sources = await mesh.isthmus.sources();
    assert.deepEqual(
      sources.map(({ name, status }) => [name, status.state]),
      ['dubbo-hz', 'nacos-hz', 'eureka-bj', 'consul-bj'].map((name) => [name, 'fresh']),
    );
  });

  it('unites two registries under one host', async () => {
    await mesh.sees(union, [inNacos, inConsul]);
    const guard = mesh.guard(union, [inNacos.target]);
    await consulWriter.deregister('orders');
    await mesh.sees(union, [inNacos]);
    await register('orders');
    await mesh.sees(union, [inNacos, inConsul]);
    guard.verify();
  });

  it('prefers one registry and falls back to the other when the first has nobody to serve', async () => {
    await mesh.sees(preferred, [inConsul]);
    await consulWriter.check('users', 'fail');
    await mesh.sees(preferred, [inNacos]);
    await consulWriter.check('users', 'pass');
    await mesh.sees(preferred, [inConsul]);
  });

  it('serves the others while one registry is away', async () => {
    const guard = mesh.guard(union, [inNacos.target, inConsul.target]);
    await eureka.kill();
    await mesh.isthmus.sourceIs('eureka-bj', 'degraded');
    await nacosClient.register('orders', '10.1.0.2');
    await mesh.sees(union, [inNacos, { target: '10.1.0.2:8080' }, inConsul]);
    await mesh.sees(clusterOf('orders.eureka'), [inEureka]);
    for (const source of ['dubbo-hz', 'nacos-hz', 'consul-bj']) await mesh.isthmus.sourceIs(source, 'fresh');
    guard.verify();
  });

  it('goes on with what is on its disk when it is restarted with every registry away', async () => {
    const targets = [inNacos.target, '10.1.0.2:8080', inConsul.target];
    await onDisk(mesh.isthmus, '10.1.0.2', '10.2.0.1', '10.3.0.1', '10.4.0.1');
    await Promise.all([zookeeper.kill(), nacos.kill(), consul.kill()]);
    const guard = mesh.guard(union, targets);
    await mesh.isthmus.kill();
    await mesh.isthmus.start();
    for (const source of ['dubbo-hz', 'nacos-hz', 'eureka-bj', 'consul-bj'])
      await mesh.isthmus.sourceIs(source, 'restored');
    const isReady = async () => (await http(`${mesh.isthmus.url}/readyz`)).status === 200;
    await poll(isReady, { timeoutMs: 30_000, what: 'Isthmus to be ready' });
    // One that knows nothing yet learns everything; the one that knew has lost nothing.
    const other = await startIstiod({ configSources: [mesh.isthmus.configSource] });
    const sidecar = new AdsClient(other.adsAddress);
    try {
      const all = {
        [union]: targets,
        [clusterOf('orders.eureka')]: [inEureka.target],
        [clusterOf(`${interfaceName.toLowerCase()}.dubbo`, 20_880)]: ['10.4.0.1:20881'],
      };
      for (const [cluster, expected] of Object.entries(all)) {
        const isWhole = (endpoints: readonly SidecarEndpoint[]) =>
          isDeepStrictEqual(endpoints.map(({ target }) => target).sort(), [...expected].sort());
        await sidecar.waitForEndpoints(cluster, isWhole, { timeoutMs: 30_000 });
      }
    } finally {
      sidecar.close();
      await other.stop();
    }
    guard.verify();
    await Promise.all([zookeeper.start(), nacos.start(), consul.start()]);
    for (const source of ['dubbo-hz', 'nacos-hz', 'consul-bj']) await mesh.isthmus.sourceIs(source, 'fresh');
  });
});
