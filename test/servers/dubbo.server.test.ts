import assert from 'node:assert/strict';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { assertGone } from './assert-gone.js';
import { GREETING_SERVICE, startDubboConsumer, startDubboProvider } from './dubbo.js';
import { startNacos2 } from './nacos2.js';
import type { ServerHandle } from './process.js';
import { startZookeeper, type ZookeeperServer } from './zookeeper.js';

const service = { group: 'g1', serviceVersion: '1.0.0' };

describe('real Dubbo applications', function () {
  this.timeout(180_000);
  let zookeeper: ZookeeperServer;
  let registry: string;
  const started: ServerHandle[] = [];
  const keep = async <T extends ServerHandle>(starting: Promise<T>): Promise<T> => {
    const server = await starting;
    started.push(server);
    return server;
  };

  before(async () => {
    zookeeper = await startZookeeper();
    registry = `zookeeper://${zookeeper.address}`;
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
  });
  after(() => zookeeper?.stop());

  it('3.3 provides by interface and by application, on two protocols, and is called', async () => {
    const provider = await keep(
      startDubboProvider({
        registry,
        application: 'shop',
        ...service,
        protocols: ['dubbo', 'tri'],
        registerMode: 'all',
      }),
    );
    assert.ok(provider.ports.dubbo && provider.ports.tri && provider.host !== '127.0.0.1');
    for (const migration of ['FORCE_INTERFACE', 'FORCE_APPLICATION'] as const) {
      const consumer = await keep(startDubboConsumer({ registry, application: 'buyer', ...service, migration }));
      const said = await poll(() => consumer.greet('bob'), { what: `a call with ${migration}` });
      assert.equal(said, 'hello bob from shop');
    }
    const { pid } = provider;
    await provider.stop();
    assertGone(pid);
  });

  it('2.7 provides by interface and is called', async () => {
    await keep(startDubboProvider({ registry, application: 'old-shop', ...service, version: '2.7' }));
    const consumer = await keep(startDubboConsumer({ registry, application: 'old-buyer', ...service, version: '2.7' }));
    assert.equal(await poll(() => consumer.greet('bob')), 'hello bob from old-shop');
  });

  it('tells why a call failed', async () => {
    const consumer = await keep(startDubboConsumer({ registry, application: 'lonely', group: 'nobody' }));
    await assert.rejects(consumer.greet('bob'), /No provider available/);
  });

  it('of both versions register in Nacos', async () => {
    const nacos = await keep(startNacos2());
    const url = `nacos://${nacos.address}`;
    await keep(startDubboProvider({ registry: url, application: 'shop', version: '3.3', group: 'new' }));
    await keep(startDubboProvider({ registry: url, application: 'shop', version: '2.7', group: 'old' }));
    for (const group of ['new', 'old']) {
      const name = encodeURIComponent(`providers:${GREETING_SERVICE}::${group}`);
      await poll(async () => {
        const { body } = await http(`${nacos.url}/v1/ns/instance/list?serviceName=${name}`);
        return body.includes(`"port":`);
      });
    }
  });
});
