import assert from 'node:assert/strict';
import { SourceRun } from '../../testkit/index.js';
import { makeSource } from '../adapters/eureka/make-source.js';
import { type SpringCloudApp, startSpringCloudApp } from '../servers/spring-cloud.js';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { type Isthmus, startIsthmus } from './support/isthmus.js';

/** Spring Cloud applications, unchanged, with Isthmus as their Eureka server. */
describe('Spring Cloud applications that register to Isthmus', function () {
  this.timeout(300_000);
  let isthmus: Isthmus;
  let orders: SpringCloudApp;
  let shop: SpringCloudApp;

  const start = (application: string) =>
    startSpringCloudApp({
      registry: { kind: 'eureka', url: `${isthmus.url}/eureka` },
      application,
      metadata: { zone: 'hz' },
    });
  const health = async (host: string) => {
    const { status, body } = await http(`${isthmus.url}/api/v1/services/${host}`);
    if (status !== 200) return undefined;
    return JSON.parse(body).origins[0]?.instances[0]?.health as string | undefined;
  };
  const becomes = (host: string, wanted: string | undefined, timeoutMs = 60_000) =>
    poll(async () => (await health(host)) === wanted, { what: `${host} to be ${wanted}`, timeoutMs });

  before(async () => {
    isthmus = await startIsthmus({
      sources: [{ name: 'local', kind: 'api', eureka: { enabled: true }, leases: { expiredForMs: 3000 } }],
    });
    [orders, shop] = await Promise.all([start('orders'), start('shop')]);
  });
  after(async () => {
    for (const app of [orders, shop]) await app?.stop();
    await isthmus?.stop();
  });

  it('are in the catalog', async () => {
    await becomes('orders.api', 'healthy');
    const [instance] = await isthmus.instances('orders.api');
    assert.equal(instance?.address, '127.0.0.1');
    assert.deepEqual(instance?.ports, { http: orders.port });
  });

  it('find and call each other by name', async () => {
    await poll(async () => (await shop.instances('orders')).includes(`127.0.0.1:${orders.port}`), {
      what: 'shop to know orders',
    });
    const call = async () => {
      const { status, body } = await http(`${shop.url}/call/orders/instances/shop`);
      return status === 200 && body.includes(`127.0.0.1:${shop.port}`);
    };
    await poll(call, { what: 'shop to call orders, and orders to know shop', timeoutMs: 60_000 });
  });

  it('are followed in their status', async () => {
    await orders.setStatus('OUT_OF_SERVICE');
    await becomes('orders.api', 'unhealthy');
    await poll(async () => !(await shop.instances('orders')).includes(`127.0.0.1:${orders.port}`), {
      what: 'shop to leave orders alone',
    });
    await orders.setStatus('CANCEL_OVERRIDE');
    await becomes('orders.api', 'healthy');
  });

  it('are read by the eureka adapter, from the address of the clients', async () => {
    const run = new SourceRun(makeSource({ servers: [`${isthmus.url}/eureka`] }));
    try {
      await run.recorder.waitFor(({ services }) => services.has('ORDERS') && services.has('SHOP'), {
        deadlineMs: 30_000,
      });
      await orders.setStatus('OUT_OF_SERVICE');
      const first = () => run.recorder.services.get('ORDERS')?.instances[0]?.health;
      await run.recorder.waitFor(() => first() === 'unhealthy', { deadlineMs: 30_000 });
      await orders.setStatus('CANCEL_OVERRIDE');
      await run.recorder.waitFor(() => first() === 'healthy', { deadlineMs: 30_000 });
      assert.equal(run.recorder.degradedScopes.size, 0);
      // Deltas alone: a hash that did not fit would have been a listing more.
      assert.equal(run.recorder.events.filter(({ kind }) => kind === 'replaceAll').length, 1);
    } finally {
      await run.stop();
    }
  });

  it('stay when Isthmus is killed and started again, and when it is paused longer than their leases', async () => {
    const seen = new Set<string | undefined>();
    await isthmus.kill();
    await isthmus.start();
    await isthmus.sourceIs('local', 'fresh');
    seen.add(await health('orders.api'));
    isthmus.pause();
    // Their leases are of 6 seconds.
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    isthmus.resume();
    const untilMs = Date.now() + 8000;
    await poll(async () => {
      seen.add(await health('orders.api'));
      return Date.now() > untilMs;
    });
    assert.deepEqual([...seen], ['healthy']);
  });

  it('are unhealthy and then gone after a crash, and gone at once after a stop', async () => {
    await orders.kill();
    await becomes('orders.api', 'unhealthy');
    await becomes('orders.api', undefined);
    const startedMs = Date.now();
    await shop.stop();
    await becomes('shop.api', undefined, 5000);
    // The application's own end takes a second or two.
    assert.ok(Date.now() - startedMs < 20_000);
  });
});
