import assert from 'node:assert/strict';
import type { Clock } from '../../../core/plugin/index.js';
import { ManualClock, type SourceRun } from '../../../testkit/index.js';
import { type Api, makeApi, makeDataDir, root, startApi } from './make-api.js';

describe('adapters/api: the REST registry', () => {
  let dir: string;
  let remove: () => Promise<void>;
  let api: Api;
  let run: SourceRun | undefined;
  const clock = new ManualClock();
  let skippedMs = 0;
  const leaping: Clock = { now: () => clock.now() + skippedMs, sleep: (ms, signal) => clock.sleep(ms, signal) };

  beforeEach(async () => {
    ({ dir, remove } = await makeDataDir());
    api = makeApi(dir, { maxServices: 3, maxInstances: 4 }, leaping);
    run = await startApi(api);
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
    await remove();
  });

  const published = (name: string) => run?.recorder.services.get(name);

  it('registers, shows, changes and deletes an instance', async () => {
    const path = `${root}/orders/instances/a`;
    const created = await api.client.put(path, { address: '10.0.0.1', port: 8080, metadata: { version: 'v1' } });
    const instance = {
      ...{ id: 'a', address: '10.0.0.1', ports: { http: 8080 }, weight: 100, health: 'healthy' },
      metadata: { version: 'v1' },
    };
    assert.deepEqual(created, { status: 201, body: instance });
    assert.deepEqual(await api.client.get(path), { status: 200, body: instance });
    const changed = await api.client.put(path, {
      ...{ address: '2001:DB8::1', ports: { http: 81, https: 444 }, weight: 0, health: 'draining', network: 'dmz' },
      locality: { region: 'r1', zone: 'z1' },
    });
    assert.equal(changed.status, 200);
    const { metadata, ...rest } = published('orders')?.instances[0] ?? assert.fail();
    assert.deepEqual(rest, {
      ...{ id: 'a', address: '2001:db8::1', ports: { http: 81, https: 444 }, weight: 0, health: 'draining' },
      ...{ locality: { region: 'r1', zone: 'z1', subzone: '' }, network: 'dmz' },
    });
    assert.deepEqual({ ...metadata }, {});
    assert.deepEqual(published('orders')?.ports, [
      { name: 'http', number: 80, protocol: 'http' },
      { name: 'https', number: 443, protocol: 'https' },
    ]);
    assert.deepEqual(await api.client.delete(path), { status: 204 });
    assert.deepEqual(published('orders')?.instances, []);
    assert.equal((await api.client.delete(path)).status, 404);
    assert.equal((await api.client.get(path)).status, 404);
  });

  it('declares a service, keeps its ports when it is empty, and removes it with its instances', async () => {
    const ports = [
      { name: 'http', number: 8000 },
      { name: 'admin', number: 8001, protocol: 'http' },
    ];
    const declared = await api.client.put(`${root}/shop`, { ports, metadata: { team: 'a' } });
    assert.equal(declared.status, 201);
    assert.deepEqual(published('shop')?.ports, [
      { name: 'http', number: 8000, protocol: 'http' },
      { name: 'admin', number: 8001, protocol: 'http' },
    ]);
    assert.deepEqual(published('shop')?.instances, []);
    const put = (ports: unknown) => api.client.put(`${root}/shop/instances/a`, { address: '10.0.0.1', ports });
    assert.equal((await put({ http: 1, admin: 2 })).status, 201);
    assert.deepEqual(await put({ metrics: 3 }), {
      status: 409,
      body: 'service shop was declared without port metrics',
    });
    const fewer = await api.client.put(`${root}/shop`, { ports: ports.slice(0, 1) });
    assert.deepEqual(fewer, { status: 409, body: 'instance a of service shop has a port admin' });
    const { body } = await api.client.get(root);
    assert.deepEqual(body, {
      services: [
        { name: 'shop', declared: true, ports: published('shop')?.ports, metadata: { team: 'a' }, instances: 1 },
      ],
    });
    assert.equal((await api.client.get(`${root}/shop/instances`)).status, 200);
    assert.deepEqual(await api.client.delete(`${root}/shop`), { status: 204 });
    assert.equal(published('shop'), undefined);
    assert.equal((await api.client.get(`${root}/shop`)).status, 404);
  });

  it('tells everything that is wrong with a request at once', async () => {
    const { status, body } = await api.client.put(`${root}/orders/instances/a`, {
      ...{ address: '169.254.169.254', port: 0, ports: { HTTP: 1 }, weight: -1, health: 'fine', ttlSeconds: 0 },
      ...{ metadata: { a: 1 }, colour: 'red' },
    });
    assert.equal(status, 400);
    for (const part of [
      'address: the address is link-local',
      'port:',
      'ports.HTTP',
      'weight:',
      'health:',
      'ttlSeconds:',
    ]) {
      assert.ok(String(body).includes(part), `${part} is not in: ${String(body)}`);
    }
    assert.match(String(body), /metadata\.a:.*colour/);
    assert.equal(run?.recorder.services.size, 0);
    const neither = await api.client.put(`${root}/orders/instances/a`, { address: '10.0.0.1' });
    assert.deepEqual(neither, { status: 400, body: 'port: give either port or ports' });
    for (const none of [undefined, null, [], 'text']) {
      assert.equal((await api.client.put(`${root}/orders/instances/a`, none)).status, 400);
    }
    assert.equal((await api.client.put(`${root}/a%2Fb/instances/a`, {})).status, 400);
    const twice = [
      { name: 'http', number: 80 },
      { name: 'http', number: 80 },
    ];
    const again = await api.client.put(`${root}/shop`, { ports: twice });
    assert.match(String(again.body), /ports\.1\.name: another port has this name; ports\.1\.number: another/);
  });

  it('asks for a declaration where the ports do not speak for themselves', async () => {
    const put = (id: string, ports: unknown) =>
      api.client.put(`${root}/orders/instances/${id}`, { address: '10.0.0.1', ports });
    assert.equal((await put('a', { admin: 1 })).status, 409);
    assert.equal((await put('a', { http: 1, http2: 2 })).status, 409);
    assert.equal((await put('a', { http: 1 })).status, 201);
    const clash = await put('b', { grpc: 2 });
    assert.equal(clash.status, 409);
    assert.match(String(clash.body), /ports http and grpc would both be 80: declare the service/);
  });

  it('refuses what is over a limit, and takes changes of what is there', async () => {
    const put = (service: string, id: string, port = 80) =>
      api.client.put(`${root}/${service}/instances/${id}`, { address: '10.0.0.1', port });
    for (const service of ['s1', 's2', 's3']) assert.equal((await put(service, 'a')).status, 201);
    assert.deepEqual(await put('s4', 'a'), { status: 507, body: 'the registry is full: 3 services (maxServices)' });
    assert.equal((await put('s1', 'b')).status, 201);
    assert.deepEqual(await put('s1', 'c'), { status: 507, body: 'the registry is full: 4 instances (maxInstances)' });
    assert.equal((await put('s1', 'b', 81)).status, 200);
    assert.equal((await api.client.delete(`${root}/s2`)).status, 204);
    assert.equal((await put('s1', 'c')).status, 201);
  });

  it('refuses what would make the file too large', async () => {
    await run?.stop();
    api = makeApi(`${dir}-small`, { maxFileBytes: 1024 }, clock);
    run = await startApi(api);
    const metadata = { long: 'x'.repeat(600) };
    const body = { address: '10.0.0.1', port: 80, metadata };
    assert.equal((await api.client.put(`${root}/s1/instances/a`, body)).status, 201);
    const { status, body: detail } = await api.client.put(`${root}/s2/instances/a`, body);
    assert.equal(status, 507);
    assert.match(String(detail), /1024 bytes \(maxFileBytes\)/);
    assert.equal(published('s2'), undefined);
  });

  it('answers 503 while no run has loaded the registry', async () => {
    const path = `${root}/orders/instances/a`;
    const idle = makeApi(`${dir}-idle`);
    for (const { status } of [
      await idle.client.get(root),
      await idle.client.put(path, { address: '10.0.0.1', port: 80 }),
    ]) {
      assert.equal(status, 503);
    }
    await run?.stop();
    run = undefined;
    assert.equal((await api.client.get(root)).status, 503);
  });

  it('lets an instance go when its time is over, and keeps it by heartbeats and repeated registrations', async () => {
    const body = { address: '10.0.0.1', port: 80, ttlSeconds: 10 };
    for (const id of ['beats', 'repeats', 'silent']) await api.client.put(`${root}/orders/instances/${id}`, body);
    await api.client.put(`${root}/orders/instances/eternal`, { address: '10.0.0.1', port: 80 });
    const ids = () => published('orders')?.instances.map(({ id }) => id);
    for (const seconds of [4, 8]) {
      await clock.advance(4000);
      const beat = await api.client.put(`${root}/orders/instances/beats/heartbeat`);
      assert.deepEqual(beat, { status: 204 });
      assert.equal((await api.client.put(`${root}/orders/instances/repeats`, body)).status, 200);
      assert.equal(ids()?.length, 4, `after ${seconds} s`);
    }
    const serving = () =>
      published('orders')?.instances.flatMap(({ id, health }) => (health === 'healthy' ? [id] : []));
    await clock.advance(2500);
    assert.deepEqual(serving(), ['beats', 'eternal', 'repeats']);
    assert.equal(ids()?.length, 4, 'it is shown for a time');
    await clock.advance(30_000);
    assert.equal((await api.client.put(`${root}/orders/instances/silent/heartbeat`)).status, 404);
    assert.deepEqual(serving(), ['eternal']);
    await clock.advance(20_000);
    assert.deepEqual(ids(), ['eternal']);
    assert.deepEqual(await api.client.put(`${root}/orders/instances/eternal/heartbeat`), { status: 204 });
  });

  it('forgets a service that was never declared some time after its last instance has gone', async () => {
    await api.client.put(`${root}/orders/instances/a`, { address: '10.0.0.1', port: 80, ttlSeconds: 5 });
    await api.client.put(`${root}/shop`, { ports: [{ name: 'http', number: 80 }] });
    await clock.advance(36_000);
    assert.deepEqual(published('orders')?.instances, []);
    await clock.advance(590_000);
    assert.ok(published('orders'));
    await clock.advance(20_000);
    assert.equal(published('orders'), undefined);
    assert.ok(published('shop'));
  });

  it('gives back the time in which the process stood still', async () => {
    await api.client.put(`${root}/orders/instances/a`, { address: '10.0.0.1', port: 80, ttlSeconds: 10 });
    // As after a suspend: the sleep that was to take half a second ends a minute later.
    skippedMs += 60_000;
    await clock.advance(1000);
    assert.equal(published('orders')?.instances[0]?.health, 'healthy');
    // Twice as long: clients that got no answer wait longer before they try once more.
    assert.equal((await api.client.put(`${root}/orders/instances/a/heartbeat`)).status, 204);
    await clock.advance(115_000);
    assert.equal(published('orders')?.instances[0]?.health, 'healthy');
    await clock.advance(6000);
    assert.equal(published('orders')?.instances[0]?.health, 'unhealthy');
  });

  it('gives the time in which the process stood still back once, to whoever is heard before it is noticed too', async () => {
    const path = `${root}/orders/instances/a`;
    await api.client.put(path, { address: '10.0.0.1', port: 80, ttlSeconds: 10 });
    await clock.advance(1000);
    skippedMs += 60_000;
    assert.equal((await api.client.put(`${path}/heartbeat`)).status, 204);
    await clock.advance(1000);
    const { body } = await api.client.get(path);
    const leftMs = Date.parse((body as { expiresAt: string }).expiresAt) - leaping.now();
    assert.ok(leftMs <= 11_000, `${leftMs} ms are left`);
    assert.ok(leftMs >= 8000, `${leftMs} ms are left`);
  });

  it('tells the first of what is wrong, however much it is', async () => {
    const ports = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`NO LABEL ${index}`, -1]));
    const { status, body } = await api.client.put(`${root}/orders/instances/a`, {
      ...{ address: '10.0.0.1', ports, ['x'.repeat(100_000)]: 1 },
    });
    assert.equal(status, 400);
    assert.ok(String(body).length < 10_000, `${String(body).length} characters`);
    assert.match(String(body), /and [0-9]+ more$/);
  });

  it('takes no longer to let an instance go because the clock was set back', async () => {
    await api.client.put(`${root}/orders/instances/a`, { address: '10.0.0.1', port: 80, ttlSeconds: 10 });
    skippedMs -= 600_000;
    await clock.advance(11_000);
    assert.equal(published('orders')?.instances[0]?.health, 'unhealthy');
  });
});
