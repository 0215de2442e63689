import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseRegistration } from '../../../adapters/api/eureka/info.js';
import { ManualClock, type SourceRun } from '../../../testkit/index.js';
import { type Api, makeApi, makeDataDir, root, startApi } from './make-api.js';
import { registration } from './registration.js';

const path = '/eureka/apps/ORDERS/host-1:orders:8080';

interface Listing {
  readonly applications: {
    readonly apps__hashcode: string;
    readonly application: readonly {
      readonly name: string;
      readonly instance: readonly Readonly<Record<string, unknown>>[];
    }[];
  };
}

describe('adapters/api: the interface of a Eureka server', () => {
  const clock = new ManualClock();
  let dir: string;
  let remove: () => Promise<void>;
  let api: Api;
  let run: SourceRun;

  beforeEach(async () => {
    ({ dir, remove } = await makeDataDir());
    api = makeApi(dir, { eureka: { enabled: true } }, clock);
    run = await startApi(api);
  });
  afterEach(async () => {
    await run.stop();
    await remove();
  });

  const register = (overrides: object = {}) => api.client.send('POST', '/eureka/apps/ORDERS', registration(overrides));
  const heartbeat = async (query = '?status=UP&lastDirtyTimestamp=1000') => (await api.client.put(path + query)).status;
  const get = async (target: string) => {
    const { status, json } = await api.client.get(target);
    return status === 200 ? JSON.parse(json ?? '') : status;
  };
  const listing = async (target = '/eureka/apps/') => ((await get(target)) as Listing).applications;
  const published = () => run.recorder.services.get('orders')?.instances[0];

  it('registers, shows and forgets an instance', async () => {
    assert.deepEqual(await register(), { status: 204 });
    const { metadata, ...instance } = published() ?? assert.fail();
    assert.deepEqual(instance, {
      ...{ id: 'host-1:orders:8080', address: '10.0.0.1', ports: { http: 8080 }, health: 'healthy', weight: 100 },
      locality: { region: '', zone: 'hz', subzone: '' },
    });
    assert.deepEqual({ ...metadata }, { zone: 'hz', version: 'v1' });
    const { apps__hashcode, application } = await listing();
    assert.equal(apps__hashcode, 'UP_1_');
    assert.equal(application[0]?.name, 'ORDERS');
    const shown = application[0]?.instance[0] ?? assert.fail();
    assert.deepEqual(shown['metadata'], registration().instance.metadata);
    assert.deepEqual(shown['port'], { $: 8080, '@enabled': 'true' });
    assert.equal(shown['homePageUrl'], 'http://host-1:8080/');
    assert.equal(shown['lastDirtyTimestamp'], '1000');
    for (const root of ['/eureka', '/eureka/v2']) {
      assert.deepEqual(await get(`${root}/apps/orders`), { application: application[0] });
      assert.deepEqual(await get(`${root}/apps/ORDERS/host-1:orders:8080`), { instance: shown });
      assert.deepEqual(await get(`${root}/instances/host-1:orders:8080`), { instance: shown });
      assert.deepEqual((await listing(`${root}/vips/orders`)).application, application);
      assert.deepEqual((await listing(`${root}/svips/orders`)).application, application);
    }
    assert.deepEqual((await listing('/eureka/vips/none')).application, []);
    assert.deepEqual(await api.client.delete(path), { status: 200 });
    assert.deepEqual(run.recorder.services.get('orders')?.instances, []);
    assert.deepEqual((await listing()).application, []);
    assert.equal((await api.client.delete(path)).status, 404);
    for (const target of ['/eureka/apps/ORDERS', path, '/eureka/instances/host-1:orders:8080']) {
      assert.equal(await get(target), 404);
    }
  });

  it('asks to register again whom it does not know, or knows as it was before', async () => {
    assert.equal(await heartbeat(), 404);
    await register();
    assert.equal(await heartbeat(), 200);
    assert.equal(await heartbeat('?lastDirtyTimestamp=999'), 200);
    assert.equal(await heartbeat('?lastDirtyTimestamp=1001'), 404);
    assert.equal(await heartbeat(''), 200);
  });

  it('does not let an older registration replace a newer one', async () => {
    await register({ lastDirtyTimestamp: '2000', port: { $: 2000, '@enabled': 'true' } });
    assert.equal((await register({ lastDirtyTimestamp: '1500', port: { $: 1500, '@enabled': true } })).status, 204);
    assert.deepEqual(published()?.ports, { http: 2000 });
    await register({ lastDirtyTimestamp: 3000, port: 3000 });
    assert.deepEqual(published()?.ports, { http: 3000 });
  });

  it('keeps an instance by heartbeats, shows it as down when its lease has run out, and up again', async () => {
    await register();
    for (let beat = 0; beat < 5; beat++) {
      await clock.advance(10_000);
      assert.equal(await heartbeat(), 200);
    }
    assert.equal(published()?.health, 'healthy');
    await clock.advance(16_000);
    assert.equal(published()?.health, 'unhealthy');
    assert.equal((await listing()).apps__hashcode, 'DOWN_1_');
    assert.equal(await heartbeat(), 200);
    assert.equal(published()?.health, 'healthy');
    await clock.advance(50_000);
    assert.equal((await listing()).apps__hashcode, '');
    assert.equal(await heartbeat(), 404);
  });

  it('takes a status from outside, keeps it over registrations, and gives it up', async () => {
    await register();
    assert.equal((await api.client.put(`${path}/status?value=OUT_OF_SERVICE&lastDirtyTimestamp=1000`)).status, 200);
    assert.equal(published()?.health, 'unhealthy');
    await register({ lastDirtyTimestamp: '1100' });
    assert.equal(published()?.health, 'unhealthy');
    assert.equal((await listing()).application[0]?.instance[0]?.['status'], 'OUT_OF_SERVICE');
    await register({ lastDirtyTimestamp: '1200', status: 'DOWN' });
    assert.equal((await listing()).application[0]?.instance[0]?.['status'], 'DOWN');
    await register({ lastDirtyTimestamp: '1300' });
    assert.equal((await api.client.delete(`${path}/status?lastDirtyTimestamp=1300`)).status, 200);
    assert.equal(published()?.health, 'healthy');
    assert.equal((await api.client.put(`${path}/status?value=BROKEN`)).status, 400);
    assert.equal((await api.client.put(`${path}/status`)).status, 400);
  });

  it('changes single metadata', async () => {
    await register();
    assert.equal((await api.client.put(`${path}/metadata?version=v2&weight=0.5`)).status, 200);
    assert.equal(published()?.metadata['version'], 'v2');
    assert.equal(published()?.metadata['zone'], 'hz');
    assert.equal(published()?.weight, 50);
  });

  it('tells what has changed in the last three minutes, the last change of each, with the hash of all', async () => {
    await register();
    await register({ instanceId: 'host-2:orders:8080', hostName: 'host-2', ipAddr: '10.0.0.2' });
    await clock.advance(170_000);
    await api.client.delete(path);
    await register({ instanceId: 'host-3:orders:8080', hostName: 'host-3', status: 'STARTING' });
    const changes = async () => {
      const { application, apps__hashcode } = await listing('/eureka/apps/delta');
      const all = application.flatMap(({ instance }) => instance);
      return [apps__hashcode, ...all.map(({ hostName, actionType }) => `${hostName} ${actionType}`)];
    };
    // host-1 and host-2 had no heartbeat: gone long ago, or so the clock has it.
    assert.deepEqual(await changes(), ['STARTING_1_', 'host-1 DELETED', 'host-2 DELETED', 'host-3 ADDED']);
    await api.client.put('/eureka/apps/ORDERS/host-3:orders:8080/status?value=UP');
    assert.ok((await changes()).includes('host-3 MODIFIED'));
    await clock.advance(400_000);
    assert.deepEqual(await changes(), ['']);
  });

  it('shows what was registered over REST, and takes registrations to the same service', async () => {
    await api.client.put(`${root}/Orders/instances/rest-1`, {
      ...{ address: '10.0.0.9', ports: { http: 81, https: 444 }, weight: 50, health: 'draining' },
      metadata: { team: 'a' },
    });
    const shown = (await listing()).application[0]?.instance[0] ?? assert.fail();
    assert.equal(shown['app'], 'ORDERS');
    assert.equal(shown['status'], 'OUT_OF_SERVICE');
    assert.deepEqual(shown['securePort'], { $: 444, '@enabled': 'true' });
    assert.deepEqual(shown['metadata'], { weight: '0.5', team: 'a' });
    await register();
    assert.equal(run.recorder.services.get('Orders')?.instances.length, 2);
    assert.equal(run.recorder.services.has('orders'), false);
    assert.equal((await api.client.put('/eureka/apps/ORDERS/rest-1?status=UP')).status, 200);
    assert.equal((await api.client.put('/eureka/apps/ORDERS/rest-1/status?value=UP')).status, 409);
  });

  it('has what was registered, overrides and all, after a restart', async () => {
    await register();
    await api.client.put(`${path}/status?value=OUT_OF_SERVICE`);
    const before = await listing();
    await run.stop();
    api = makeApi(dir, { eureka: { enabled: true } }, clock);
    run = await startApi(api);
    assert.deepEqual((await listing()).application[0]?.instance[0]?.['metadata'], registration().instance.metadata);
    assert.equal((await listing()).apps__hashcode, before.apps__hashcode);
    assert.equal(await heartbeat(), 200);
    assert.deepEqual(run.recorder.services.get('orders')?.instances.length, 1);
  });

  it('quotes what was registered, without its credentials', async () => {
    await register();
    const [record, ...others] = await api.source.records('orders');
    assert.deepEqual(others, []);
    assert.equal(record?.id, 'local/services/orders/instances/host-1:orders:8080');
    assert.equal(record?.instance, published()?.id);
    assert.equal(record?.revision, '1000');
    assert.match(record?.text ?? '', /"version":"v1"/);
    assert.match(record?.text ?? '', /"user.password":"\[secret\]"/);
    assert.doesNotMatch(record?.text ?? '', /hunter2/);
    const { body } = await api.client.get(`${root}/orders/instances`);
    assert.doesNotMatch(JSON.stringify(body), /hunter2/);
    assert.deepEqual(await api.source.records('none'), []);
  });

  it('says what is wrong with a registration, and leaves the others alone', async () => {
    await register();
    for (const [what, overrides, said] of [
      ['another application', { app: 'SHOP' }, /app: it is not/],
      ['no host name', { hostName: '' }, /hostName: it is missing/],
      ['no data centre', { dataCenterInfo: {} }, /dataCenterInfo.name/],
      ['a link-local address', { ipAddr: '169.254.169.254' }, /link-local/],
      ['no port', { port: { $: 80, '@enabled': 'false' } }, /no enabled port/],
      ['port 65536', { port: { $: 65_536, '@enabled': 'true' } }, /port: /],
      ['an odd id', { instanceId: 'a b\r\nc' }, /instanceId: expected/],
      ['a lone surrogate', { vipAddress: '\ud800' }, /no valid Unicode/],
      [
        'too many metadata',
        { metadata: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [i, ''])) },
        /257|256/,
      ],
      ['long metadata', { metadata: { a: 'x'.repeat(5000) } }, /metadata/],
    ] as const) {
      const { status, body } = await register({ lastDirtyTimestamp: '5000', ...overrides });
      assert.equal(status, 400, what);
      assert.match(String(body), said, what);
    }
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, 'x'.repeat(2000)]));
    assert.equal((await register({ lastDirtyTimestamp: '5000', metadata: many })).status, 413);
    assert.equal(published()?.address, '10.0.0.1');
    assert.equal((await listing()).apps__hashcode, 'UP_1_');
  });

  it('answers JSON alone, and says so', async () => {
    const status = async (accept: string) => (await api.client.send('GET', '/eureka/apps', undefined, accept)).status;
    assert.equal(await status('application/xml'), 406);
    assert.equal(await status('text/html'), 406);
    for (const accept of [
      '',
      '*/*',
      'application/json',
      'application/xml, application/json;q=0.5',
      'application/*+json',
    ]) {
      assert.equal(await status(accept), 200, accept);
    }
  });

  it('is not there unless it is asked for', () => {
    assert.ok(makeApi(`${dir}-other`).client.routes.every(({ path: own }) => own.startsWith('/api/v1/')));
  });
});

describe('adapters/api: registrations of Eureka clients', () => {
  it('are read without an exception, whatever is sent', () => {
    const known = registration().instance;
    const mutated = fc
      .tuple(fc.constantFrom(...Object.keys(known)), fc.jsonValue())
      .map(([key, value]) => ({ instance: { ...known, [key]: value } }));
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), mutated), (body) => {
        const result = parseRegistration(body, 'ORDERS');
        assert.ok('problem' in result ? result.problem !== '' : result.info.durationSeconds >= 1);
      }),
    );
  });
});
