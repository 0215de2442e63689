import assert from 'node:assert/strict';
import {
  type DubboConsumer,
  type DubboProvider,
  GREETING_SERVICE,
  machineAddress,
  startDubboConsumer,
  startDubboProvider,
} from '../servers/dubbo.js';
import { type EnvoyServer, startEnvoy } from '../servers/envoy.js';
import { pickPorts } from '../servers/ports.js';
import { startZookeeper, type ZookeeperServer } from '../servers/zookeeper.js';
import { DubboRegistryWriter } from '../support/dubbo-registry-writer.js';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { type Isthmus, startIsthmus } from './support/isthmus.js';

/** Root of the registry that the consumer reads: in it stands the gateway, as the one provider of the service. */
const edgeRoot = 'edge';

describe('Dubbo on ZooKeeper, called through an Envoy at the edge', function () {
  this.timeout(240_000);
  let zookeeper: ZookeeperServer;
  let writer: DubboRegistryWriter;
  let providers: DubboProvider[];
  let consumer: DubboConsumer;
  let isthmus: Isthmus;
  let envoy: EnvoyServer;

  const provider = (application: string) =>
    startDubboProvider({
      registry: `zookeeper://${zookeeper.address}`,
      application,
      group: 'blue',
      serviceVersion: '1.0.0',
    });

  before(async () => {
    zookeeper = await startZookeeper();
    const [xdsPort = 0, dubboPort = 0] = await pickPorts(2);
    providers = await Promise.all([provider('one'), provider('two')]);
    isthmus = await startIsthmus({
      sources: [{ name: 'dubbo-hz', kind: 'zookeeper', servers: [zookeeper.address], sessionTimeoutMs: 6000 }],
      sinks: [
        {
          kind: 'xds',
          listen: `127.0.0.1:${xdsPort}`,
          gateways: [
            {
              name: 'edge',
              listeners: [{ name: 'dubbo', listen: `${machineAddress()}:${dubboPort}`, protocol: 'dubbo' }],
            },
          ],
        },
      ],
    });
    envoy = await startEnvoy({ ads: `127.0.0.1:${xdsPort}`, cluster: 'edge', delta: true });
    await envoy.untilListening(dubboPort);
    writer = await DubboRegistryWriter.connect(zookeeper.address);
    const query = new URLSearchParams({
      ...{ application: 'gateway', interface: GREETING_SERVICE, methods: 'greet,add', side: 'provider' },
      ...{ group: 'blue', version: '1.0.0', dubbo: '2.0.2', 'prefer.serialization': 'hessian2' },
    });
    const url = `dubbo://${machineAddress()}:${dubboPort}/${GREETING_SERVICE}?${query}`;
    await writer.make(`/${edgeRoot}/${GREETING_SERVICE}/providers/${encodeURIComponent(url)}`);
    consumer = await startDubboConsumer({
      registry: `zookeeper://${zookeeper.address}?group=${edgeRoot}`,
      ...{ application: 'shop', group: 'blue', serviceVersion: '1.0.0', migration: 'FORCE_INTERFACE' },
    });
  });
  after(async () => {
    await consumer?.stop();
    await envoy?.stop();
    await isthmus?.stop();
    await writer?.close();
    await Promise.all((providers ?? []).map((each) => each.stop()));
    await zookeeper?.stop();
  });

  it('reaches the providers that the registry has, by the interface, group and version that it has them under', async () => {
    await poll(async () => Object.keys(await consumer.count(20)).length === 2, { what: 'both providers to answer' });
    assert.deepEqual(Object.keys(await consumer.count(40)).sort(), ['one', 'two']);
  });

  it('goes on when a provider leaves, and while Isthmus is away', async () => {
    const [one] = providers as [DubboProvider];
    await one.stop();
    await poll(async () => (await consumer.count(10))['two'] === 10, { what: 'the other provider to answer alone' });
    await isthmus.kill();
    assert.deepEqual(await consumer.count(40), { two: 40 });
    await isthmus.start();
    await poll(async () => (await envoy.stat('control_plane.connected_state')) === 1);
    assert.deepEqual(await consumer.count(40), { two: 40 });
    assert.equal(await envoy.rejected(), 0);
  });

  it('shows what is served, and to whom', async () => {
    const { body } = await http(`${isthmus.url}/api/v1/sinks`);
    const { items } = JSON.parse(body) as { items: { kind: string; clients: { cluster: string }[] }[] };
    const xds = items.find(({ kind }) => kind === 'xds');
    assert.deepEqual(
      xds?.clients.map(({ cluster }) => cluster),
      ['edge'],
    );
  });
});
