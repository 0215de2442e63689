import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Clock, type Service, systemClock } from '../../../core/plugin/index.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { FakeNacos, host, refusal } from './fake-nacos.js';
import { makeSource } from './make-source.js';

const inFake = (service: string) => `DEFAULT_GROUP@@${service}`;
const key = (service: string) => `public@@DEFAULT_GROUP@@${service}`;
const api = (name: string) => key(`providers:com.foo.${name}::`);
const scope = `application ${key('shop')}`;

/** The 15 s for metadata take 200 ms, the minutes of a start with nothing known two seconds. */
const quickClock: Clock = {
  now: () => systemClock.now(),
  sleep: (ms, signal) => systemClock.sleep(ms > 60_000 ? 2000 : ms === 15_000 ? 200 : ms, signal),
};

describe('adapters/nacos with applications whose metadata cannot be had', () => {
  let fake: FakeNacos;
  let run: SourceRun | undefined;
  let reports: Map<string, string>;

  beforeEach(async () => {
    fake = await FakeNacos.start();
    reports = new Map([['basket', report('basket', 'Both', 'Basket')]]);
    fake.scripts.set('ConfigQueryRequest', ({ dataId }) => {
      const content = reports.get(String(dataId));
      return content === undefined ? refusal(500, 'overload') : { content };
    });
    fake.services.set(inFake('orders'), [host('10.0.0.1')]);
    fake.services.set(inFake('shop'), [application('10.0.1.1')]);
    fake.services.set(inFake('basket'), [application('10.0.2.1')]);
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
    fake.stop();
  });

  const application = (ip: string) =>
    host(ip, {
      port: 20880,
      metadata: {
        'dubbo.endpoints': '[{"port":20880,"protocol":"dubbo"}]',
        'dubbo.metadata.revision': 'r1',
        'dubbo.metadata.storage-type': 'remote',
      },
    });
  function report(app: string, ...names: string[]): string {
    const services = names.map((name) => [
      name,
      {
        name: `com.foo.${name}`,
        protocol: 'dubbo',
        port: 20880,
        path: `com.foo.${name}`,
        params: { application: app },
      },
    ]);
    return JSON.stringify({ app, revision: 'r1', services: Object.fromEntries(services) });
  }
  const start = (restored: Iterable<Service> = []): Recorder => {
    const own = { servers: ['http://127.0.0.1:1'], namespaces: ['public'], groups: ['DEFAULT_GROUP'] };
    const config = { ...own, grpcPortOffset: fake.port - 1, listIntervalMs: 100, settleMs: 0, dubbo: { rules: false } };
    run = new SourceRun(makeSource(config, { clock: quickClock }), restored);
    return run.recorder;
  };
  const addresses = ({ services }: Recorder, name: string) =>
    services
      .get(api(name))
      ?.instances.map(({ address }) => address)
      .join();

  /** What is published while all of it can be read, with a service and an instance that go before the next start. */
  async function publishedBefore(): Promise<readonly Service[]> {
    reports.set('shop', report('shop', 'Both', 'Shop', 'Moved'));
    fake.services.set(inFake('gone'), [host('10.0.0.9')]);
    fake.services.set(inFake('shop'), [application('10.0.1.1'), application('10.0.1.2')]);
    const recorder = start();
    await recorder.waitFor(({ synced, services }) => synced && services.size === 8, { what: 'everything' });
    const services = [...recorder.services.values()];
    await run?.stop();
    reports.delete('shop');
    fake.services.delete(inFake('gone'));
    fake.services.set(inFake('shop'), [application('10.0.1.1')]);
    return services;
  }

  it('keeps what they provided before a restart, and lets all else go that has gone', async () => {
    const recorder = start(await publishedBefore());
    const seen = new Set<string | undefined>();
    recorder.onEvent(() => seen.add(addresses(recorder, 'Both')));
    await recorder.waitFor(({ synced, degradedScopes }) => synced && degradedScopes.has(scope));
    assert.deepEqual([...seen].pop(), '10.0.1.1,10.0.2.1');
    assert.ok([...seen].every((both) => both?.startsWith('10.0.1.1,')));
    assert.equal(addresses(recorder, 'Shop'), '10.0.1.1');
    assert.equal(recorder.services.has(key('gone')), false);

    fake.services.set(inFake('orders'), [host('10.0.0.2')]);
    fake.pushService(inFake('orders'));
    await recorder.waitFor(({ services }) => services.get(key('orders'))?.instances[0]?.address === '10.0.0.2');
    assert.deepEqual([...recorder.degradedScopes.keys()], [scope]);

    // Of what nobody can read the metadata, the instances are still known to go.
    fake.services.set(inFake('shop'), []);
    fake.pushService(inFake('shop'));
    await recorder.waitFor(() => addresses(recorder, 'Both') === '10.0.2.1' && addresses(recorder, 'Shop') === '');
  });

  it('lets a service go that is provided no more, as the metadata say', async () => {
    const services = await publishedBefore();
    reports.set('shop', report('shop', 'Both'));
    const recorder = start(services);
    await recorder.waitFor(({ synced }) => synced);
    assert.equal(addresses(recorder, 'Both'), '10.0.1.1,10.0.2.1');
    assert.equal(addresses(recorder, 'Shop'), undefined);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('keeps the services of one whose instances are others now, empty', async () => {
    const services = await publishedBefore();
    fake.services.set(inFake('shop'), [application('10.0.1.7')]);
    const recorder = start(services);
    await recorder.waitFor(({ synced, degradedScopes }) => synced && degradedScopes.has(scope));
    assert.equal(addresses(recorder, 'Shop'), '');
    assert.equal(addresses(recorder, 'Both'), '10.0.2.1');
    reports.set('shop', report('shop', 'Both', 'Shop'));
    await recorder.waitFor(() => addresses(recorder, 'Shop') === '10.0.1.7', { deadlineMs: 30_000 });
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.size === 0);
    assert.equal(addresses(recorder, 'Both'), '10.0.1.7,10.0.2.1');
  });

  it('publishes the rest with no claim to be complete where nothing was known before, for a time', async () => {
    const recorder = start();
    await recorder.waitFor(({ services, degradedScopes }) => services.has(key('orders')) && degradedScopes.has(scope));
    assert.equal(recorder.synced, false);
    assert.equal(addresses(recorder, 'Both'), '10.0.2.1');
    fake.services.set(inFake('orders'), [host('10.0.0.2')]);
    fake.pushService(inFake('orders'));
    await recorder.waitFor(({ services }) => services.get(key('orders'))?.instances[0]?.address === '10.0.0.2');
    assert.equal(recorder.synced, false);
    await recorder.waitFor(({ synced, degradedScopes }) => synced && degradedScopes.has(scope));
  });

  it('is complete when nothing lacks any more', async () => {
    const recorder = start();
    await recorder.waitFor(({ services, synced }) => services.has(key('orders')) && !synced);
    reports.set('shop', report('shop', 'Both', 'Shop'));
    await recorder.waitFor(({ synced, degradedScopes }) => synced && degradedScopes.size === 0);
    assert.equal(addresses(recorder, 'Both'), '10.0.1.1,10.0.2.1');
  });
});
