import assert from 'node:assert/strict';
import type { NacosServer } from '../servers/nacos.js';
import { startNacos2 } from '../servers/nacos2.js';
import { startZookeeper, type ZookeeperServer } from '../servers/zookeeper.js';
import { AdsClient } from '../support/ads-client.js';
import { http } from '../support/http.js';
import { NacosWriter } from '../support/nacos-writer.js';
import { poll } from '../support/poll.js';
import { ZookeeperWriter } from '../support/zookeeper-writer.js';
import { clusterOf, Mesh } from './support/mesh.js';

const interfaces = ['com.shop.Orders', 'com.shop.Stock', 'com.shop.Mail'] as const;
const [orders, stock, mail] = interfaces;
const cluster = (name: string) => clusterOf(`${name.toLowerCase()}.dubbo`, 20_880);

/** What consumers of Dubbo write to ZooKeeper decides which clusters the proxies of their application have. */
describe('Dubbo consumers and the Sidecars of their applications', function () {
  this.timeout(240_000);
  let zookeeper: ZookeeperServer;
  let writer: ZookeeperWriter;
  let mesh: Mesh;
  /** A proxy of the application `cart`, and one of an application that declares nothing. */
  let cart: AdsClient;
  let other: AdsClient;

  const provider = (name: string, host: string) =>
    `/dubbo/${name}/providers/${encodeURIComponent(`dubbo://${host}:20880/${name}?application=shop&interface=${name}&side=provider`)}`;
  const consumer = (name: string, application: string) =>
    `/dubbo/${name}/consumers/${encodeURIComponent(
      `consumer://10.9.9.9/${name}?application=${application}&category=consumers&interface=${name}&side=consumer`,
    )}`;

  before(async () => {
    zookeeper = await startZookeeper();
    writer = await ZookeeperWriter.connect(zookeeper.address);
    for (const [index, name] of interfaces.entries()) await writer.create(provider(name, `10.8.0.${index + 1}`), '');
    await writer.create(consumer(orders, 'cart'), '');
    mesh = await Mesh.start({
      sources: [{ name: 'dubbo-hz', kind: 'zookeeper', servers: [zookeeper.address] }],
      mcp: { sidecars: { namespace: 'shop', settleMs: 1000, trimAfterMs: 15_000 } },
    });
    cart = new AdsClient(mesh.istiod.adsAddress, { namespace: 'shop', labels: { app: 'cart' } });
    other = new AdsClient(mesh.istiod.adsAddress, { namespace: 'shop', labels: { app: 'other' } });
  });

  after(async () => {
    cart?.close();
    other?.close();
    await mesh?.stop();
    await writer?.close();
    await zookeeper?.stop();
  });

  it('show an application what it consumes, and another everything', async () => {
    await cart.waitForCluster(cluster(orders));
    for (const name of [stock, mail]) await cart.waitForCluster(cluster(name), { present: false });
    for (const name of interfaces) await other.waitForCluster(cluster(name));
  });

  it('show what is consumed from now on, at once', async () => {
    await writer.create(consumer(stock, 'cart'), '');
    await cart.waitForCluster(cluster(stock));
    assert.ok(!cart.clusters.has(cluster(mail)));
  });

  it('show what is consumed no more for a time, also over a restart, and then do not', async () => {
    await writer.remove(consumer(orders, 'cart'));
    const vanished = async () => {
      const { body } = await http(`${mesh.isthmus.url}/api/v1/sinks`);
      const { items } = JSON.parse(body) as { items: { sidecars?: { vanished: number; resources: number } }[] };
      return items[0]?.sidecars;
    };
    await poll(async () => (await vanished())?.vanished === 1, { what: 'the dependency to vanish' });
    let sawEverything = false;
    const unwatch = cart.onUpdate(() => {
      if (cart.clusters.has(cluster(mail))) sawEverything = true;
    });
    await mesh.isthmus.restart();
    await poll(async () => (await vanished())?.resources === 1, { what: 'the Sidecar to be there again' });
    assert.ok(cart.clusters.has(cluster(orders)));
    await cart.waitForCluster(cluster(orders), { present: false, timeoutMs: 90_000 });
    assert.ok(cart.clusters.has(cluster(stock)));
    unwatch();
    assert.ok(!sawEverything, 'the restart showed it everything');
  });
});

/** Who subscribes to a service in Nacos consumes it. */
describe('Nacos subscribers and the Sidecars of their applications', function () {
  this.timeout(240_000);
  const clusterOfService = (name: string) => clusterOf(`${name}.nacos`);
  let nacos: NacosServer;
  let providers: NacosWriter[];
  let subscriber: NacosWriter;
  let mesh: Mesh;
  let cart: AdsClient;

  before(async () => {
    nacos = await startNacos2();
    providers = [];
    for (const [index, service] of ['orders', 'stock', 'mail'].entries()) {
      const writer = await NacosWriter.connect({ grpcPort: nacos.grpcPort });
      providers.push(writer);
      await writer.setVisibly({ service }, [{ ip: `10.8.1.${index + 1}`, port: 8080 }]);
    }
    subscriber = await NacosWriter.connect({ grpcPort: nacos.grpcPort, app: 'cart' });
    await subscriber.subscribe({ service: 'orders' }, () => undefined);
    const source = { name: 'nacos-hz', kind: 'nacos', servers: [`http://${nacos.address}`], namespaces: ['public'] };
    mesh = await Mesh.start({
      sources: [{ ...source, subscribersIntervalMs: 1000 }],
      mcp: { sidecars: { namespace: 'shop', settleMs: 1000, trimAfterMs: 5000 } },
    });
    cart = new AdsClient(mesh.istiod.adsAddress, { namespace: 'shop', labels: { app: 'cart' } });
  });

  after(async () => {
    cart?.close();
    await mesh?.stop();
    for (const writer of [subscriber, ...(providers ?? [])]) writer?.close();
    await nacos?.stop();
  });

  it('show an application what it subscribes to, from then on and until a time after its end', async () => {
    await cart.waitForCluster(clusterOfService('orders'));
    for (const name of ['stock', 'mail']) await cart.waitForCluster(clusterOfService(name), { present: false });
    await subscriber.subscribe({ service: 'stock' }, () => undefined);
    await cart.waitForCluster(clusterOfService('stock'));
    subscriber.close();
    subscriber = await NacosWriter.connect({ grpcPort: nacos.grpcPort, app: 'cart' });
    await subscriber.subscribe({ service: 'mail' }, () => undefined);
    await cart.waitForCluster(clusterOfService('mail'));
    for (const name of ['orders', 'stock']) {
      await cart.waitForCluster(clusterOfService(name), { present: false, timeoutMs: 60_000 });
    }
  });
});
