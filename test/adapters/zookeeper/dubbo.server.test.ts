import assert from 'node:assert/strict';
import { type DubboProvider, ECHO_SERVICE, GREETING_SERVICE, startDubboProvider } from '../../servers/dubbo.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { makeSource, withRun } from './support.js';

const greeting = `${GREETING_SERVICE}:1.0.0:g1`;

describe('the zookeeper source and real Dubbo providers', function () {
  this.timeout(180_000);
  let zookeeper: ZookeeperServer;
  const started: DubboProvider[] = [];

  before(async () => {
    zookeeper = await startZookeeper({ tickTimeMs: 500 });
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((provider) => provider.stop()));
  });
  after(() => zookeeper?.stop());

  const start = async (options: Omit<Parameters<typeof startDubboProvider>[0], 'registry'>) => {
    const registry = `zookeeper://${zookeeper.address}`;
    const provider = await startDubboProvider({ registry, group: 'g1', serviceVersion: '1.0.0', ...options });
    started.push(provider);
    return provider;
  };

  it('shows 3.3 with two protocols and 2.7 in one service, and drops the one that is killed', async () => {
    const modern = await start({
      application: 'shop',
      protocols: ['dubbo', 'tri'],
      weight: 200,
      parameters: { zone: 'hz' },
    });
    await withRun(makeSource([zookeeper.address]), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.services.has(greeting) && recorder.services.has(`${ECHO_SERVICE}::`), {
        deadlineMs: 30_000,
      });
      const service = recorder.services.get(greeting);
      assert.deepEqual(
        service?.ports.map(({ name }) => name),
        ['dubbo', 'tri'],
      );
      assert.equal(service?.attributes['application'], 'shop');
      const expected = [
        [`dubbo://${modern.host}:${modern.ports.dubbo}`, 200, 'healthy', 'hz'],
        [`tri://${modern.host}:${modern.ports.tri}`, 200, 'healthy', 'hz'],
      ];
      const shown = () =>
        recorder.services
          .get(greeting)
          ?.instances.map(({ id, weight, health, locality }) => [id, weight, health, locality?.zone]);
      assert.deepEqual(shown(), expected);
      assert.match(service?.instances[0]?.metadata['release'] ?? '', /^3\.3/);

      const old = await start({ application: 'old-shop', version: '2.7' });
      const oldId = `dubbo://${old.host}:${old.ports.dubbo}`;
      await recorder.waitFor(() => shown()?.some(([id]) => id === oldId) === true, { deadlineMs: 30_000 });
      await old.kill();
      // Its session outlives it: up to a minute with Dubbo's own setting.
      await recorder.waitFor(() => JSON.stringify(shown()) === JSON.stringify(expected), { deadlineMs: 90_000 });
      await modern.stop();
      await recorder.waitFor(() => shown()?.length === 0, { deadlineMs: 90_000 });
      assert.deepEqual(recorder.problems, []);
    });
  });
});
