import assert from 'node:assert/strict';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import {
  type DubboConsumer,
  type DubboProvider,
  GREETING_SERVICE,
  machineAddress,
  startDubboConsumer,
  startDubboProvider,
} from '../../servers/dubbo.js';
import { type EnvoyServer, startEnvoy } from '../../servers/envoy.js';
import { pickPort } from '../../servers/ports.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { anInstance } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { type RunningXds, runXds } from './support/running-xds.js';

/** Root of the registry that the consumer reads: in it stands the gateway, as the one provider of the service. */
const edgeRoot = 'edge';

describe('a real Envoy at the edge, between a real Dubbo consumer and real Dubbo providers', function () {
  this.timeout(180_000);
  const catalog = new MemoryCatalog();
  let zookeeper: ZookeeperServer;
  let writer: DubboRegistryWriter;
  let providers: DubboProvider[];
  let consumers: DubboConsumer[];
  let xds: RunningXds;
  let envoy: EnvoyServer;

  const greeting = (group: string, ...of: readonly DubboProvider[]): CatalogService => ({
    host: `${group}.greeting.dubbo`,
    ports: [{ name: 'dubbo', number: 20_880, protocol: 'dubbo' }],
    metadata: {},
    origins: [
      {
        source: 'dubbo-hz',
        service: `${GREETING_SERVICE}:1.0.0:${group}`,
        attributes: { interface: GREETING_SERVICE, group, version: '1.0.0' },
        active: true,
        instances: of.map(({ application, host, ports }) =>
          anInstance(application, { address: host, ports: { dubbo: ports.dubbo ?? 0 } }),
        ),
      },
    ],
    version: '',
  });

  before(async () => {
    zookeeper = await startZookeeper();
    const port = await pickPort();
    const registry = `zookeeper://${zookeeper.address}`;
    const provider = (application: string, group: string) =>
      startDubboProvider({ registry, application, group, serviceVersion: '1.0.0' });
    providers = await Promise.all([provider('blue-1', 'blue'), provider('blue-2', 'blue'), provider('green', 'green')]);
    const [blue1, , green] = providers as [DubboProvider, DubboProvider, DubboProvider];
    catalog.put(greeting('blue', blue1), greeting('green', green));
    xds = await runXds(catalog, {
      grpc: false,
      gateways: [
        { name: 'edge', listeners: [{ name: 'dubbo', listen: `${machineAddress()}:${port}`, protocol: 'dubbo' }] },
      ],
    });
    envoy = await startEnvoy({ ads: xds.address, cluster: 'edge' });
    await envoy.untilListening(port);

    writer = await DubboRegistryWriter.connect(zookeeper.address);
    for (const group of ['blue', 'green', 'red']) {
      const query = new URLSearchParams({
        ...{ application: 'gateway', interface: GREETING_SERVICE, methods: 'greet,add', side: 'provider' },
        ...{ group, version: '1.0.0', dubbo: '2.0.2', serialization: 'hessian2', 'prefer.serialization': 'hessian2' },
      });
      const url = `dubbo://${machineAddress()}:${port}/${GREETING_SERVICE}?${query}`;
      await writer.make(`/${edgeRoot}/${GREETING_SERVICE}/providers/${encodeURIComponent(url)}`);
    }
    const consumer = (group: string) =>
      startDubboConsumer({
        registry: `${registry}?group=${edgeRoot}`,
        application: `consumer-${group}`,
        group,
        serviceVersion: '1.0.0',
        migration: 'FORCE_INTERFACE',
      });
    consumers = await Promise.all(['blue', 'green', 'red'].map(consumer));
  });
  after(async () => {
    await Promise.all((consumers ?? []).map((consumer) => consumer.stop()));
    await envoy?.stop();
    await xds?.stop();
    await writer?.close();
    await Promise.all((providers ?? []).map((provider) => provider.stop()));
    await zookeeper?.stop();
  });

  it('routes calls by interface, group and version', async () => {
    const [blue, green, red] = consumers as [DubboConsumer, DubboConsumer, DubboConsumer];
    await poll(async () => (await blue.greet('you')) === 'hello you from blue-1');
    assert.equal(await green.greet('you'), 'hello you from green');
    await assert.rejects(red.greet('you'));
  });

  it('follows providers that come and go on open connections, with no failed call', async () => {
    const [blue] = consumers as [DubboConsumer];
    const [blue1, blue2] = providers as [DubboProvider, DubboProvider];
    catalog.put(greeting('blue', blue1, blue2));
    await poll(async () => (await blue.count(20))['blue-2'] !== undefined, { what: 'calls to reach blue-2' });
    assert.equal((await blue.count(100))['failed'], undefined);
    catalog.put(greeting('blue', blue2));
    await poll(async () => (await blue.count(10))['blue-1'] === undefined, { what: 'calls to leave blue-1' });
    await blue1.stop();
    assert.deepEqual(await blue.count(50), { 'blue-2': 50 });
    // Another service comes: the routes change, and no connection is cut.
    const before = await envoy.stat('listener_manager.listener_modified');
    catalog.put(greeting('yellow', blue2));
    await poll(async () => (await envoy.clusters()).some(({ name }) => name.includes('yellow')));
    assert.deepEqual(await blue.count(50), { 'blue-2': 50 });
    assert.equal(await envoy.stat('listener_manager.listener_modified'), before);
  });

  it('refused nothing', async () => {
    assert.equal(await envoy.rejected(), 0);
    assert.deepEqual(xds.warnings, []);
  });
});
