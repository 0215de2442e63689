import assert from 'node:assert/strict';
import type { Recorder } from '../../../testkit/index.js';
import {
  type DubboProvider,
  type DubboProviderOptions,
  ECHO_SERVICE,
  GREETING_SERVICE,
  startDubboProvider,
} from '../../servers/dubbo.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { makeSource, type RawConfig, withRun } from './support.js';

const greeting = `${GREETING_SERVICE}:1.0.0:g1`;
const echo = `${ECHO_SERVICE}::`;
const deadlineMs = 60_000;

describe('the zookeeper source and applications of Dubbo 3', function () {
  this.timeout(240_000);
  let zookeeper: ZookeeperServer;
  const started: DubboProvider[] = [];

  beforeEach(async () => {
    zookeeper = await startZookeeper({ tickTimeMs: 500 });
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((provider) => provider.stop()));
    await zookeeper?.stop();
  });

  const start = async (options: Partial<DubboProviderOptions>) => {
    const registry = `zookeeper://${zookeeper.address}?zk.session.expire=8000`;
    const provider = await startDubboProvider({
      ...{ registry, application: 'shop', group: 'g1', serviceVersion: '1.0.0', protocols: ['dubbo'], weight: 200 },
      ...options,
    });
    started.push(provider);
    return provider;
  };
  const source = (raw: RawConfig['dubbo'] = {}) => makeSource([zookeeper.address], { dubbo: raw });
  const instances = (recorder: Recorder, service: string) =>
    recorder.services.get(service)?.instances.map(({ id, weight, health }) => `${id} ${weight} ${health}`);
  const until = (recorder: Recorder, service: string, expected: string[]) =>
    recorder.waitFor(() => JSON.stringify(instances(recorder, service)) === JSON.stringify(expected), {
      what: `${service} to be ${expected}`,
      deadlineMs,
    });

  for (const metadata of ['local', 'remote'] as const) {
    it(`learns what an instance provides from ${metadata} metadata, and sees it go`, async () => {
      const provider = await start({
        registerMode: 'instance',
        protocols: ['dubbo', 'tri'],
        parameters: { zone: 'hz' },
        properties: { 'dubbo.application.metadata-type': metadata },
      });
      const { host, ports } = provider;
      await withRun(source(), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced, { deadlineMs });
        const ids = [`dubbo://${host}:${ports.dubbo}`, `tri://${host}:${ports.tri}`];
        assert.deepEqual(
          instances(recorder, greeting),
          ids.map((id) => `${id} 200 healthy`),
        );
        assert.deepEqual(
          instances(recorder, echo),
          ids.map((id) => `${id} 100 healthy`),
        );
        const service = recorder.services.get(greeting);
        assert.equal(service?.attributes['application'], 'shop');
        assert.equal(service?.instances[0]?.locality?.zone, 'hz');
        assert.deepEqual([...recorder.services.keys()].sort(), [echo, greeting].sort());
        await provider.stop();
        await until(recorder, greeting, []);
        assert.deepEqual(recorder.problems, []);
      });
    });
  }

  it('shows a provider that registers in both ways once, also while one of them goes', async () => {
    const both = await start({ registerMode: 'all' });
    const id = `dubbo://${both.host}:${both.ports.dubbo} 200 healthy`;
    await withRun(source(), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced, { deadlineMs });
      assert.deepEqual(instances(recorder, greeting), [id]);
      for (const discovery of ['interface', 'application'] as const) {
        await withRun(source({ discovery }), async (other) => {
          await other.recorder.waitFor(() => other.recorder.synced, { deadlineMs });
          assert.deepEqual(instances(other.recorder, greeting), [id], discovery);
        });
      }
      const old = await start({ application: 'old-shop', version: '2.7', weight: 50 });
      const oldId = `dubbo://${old.host}:${old.ports.dubbo} 50 healthy`;
      await until(recorder, greeting, [id, oldId].sort());
      await old.stop();
      await until(recorder, greeting, [id]);
      assert.ok(recorder.events.every(({ kind }) => kind !== 'remove'));
    });
  });

  it('follows a provider that is killed and one that comes with another revision', async () => {
    const first = await start({ registerMode: 'instance' });
    const id = `dubbo://${first.host}:${first.ports.dubbo} 200 healthy`;
    await withRun(source(), async ({ recorder }) => {
      await until(recorder, greeting, [id]);
      const second = await start({ registerMode: 'instance', weight: 70, parameters: { note: 'new' } });
      const secondId = `dubbo://${second.host}:${second.ports.dubbo} 70 healthy`;
      await until(recorder, greeting, [id, secondId].sort());
      await first.kill();
      await until(recorder, greeting, [secondId]);
      assert.deepEqual(recorder.problems, []);
    });
  });

  it('asks nobody and reads nothing that is left out by the configuration', async () => {
    await start({ registerMode: 'all' });
    await withRun(source({ interfaces: { exclude: ['*.GreetingService'] } }), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced, { deadlineMs });
      assert.deepEqual([...recorder.services.keys()], [echo]);
    });
    const raw: RawConfig['dubbo'] = { discovery: 'application', applications: { exclude: ['sh*'] } };
    await withRun(source(raw), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced, { deadlineMs });
      assert.equal(recorder.services.size, 0);
    });
  });
});
