import assert from 'node:assert/strict';
import { startZookeeper, type ZookeeperServer } from '../servers/zookeeper.js';
import { AdsClient } from '../support/ads-client.js';
import { http } from '../support/http.js';
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
