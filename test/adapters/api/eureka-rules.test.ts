import assert from 'node:assert/strict';
import { ManualClock, type SourceRun } from '../../../testkit/index.js';
import { type Api, makeApi, makeDataDir, root, startApi } from './make-api.js';
import { registration } from './registration.js';

const path = '/eureka/apps/ORDERS/host-1:orders:8080';

/** Where clients are sloppy, and what a Eureka server makes of it. */
describe('adapters/api: registrations that say little, or too much', () => {
  let clock: ManualClock;
  let remove: () => Promise<void>;
  let api: Api;
  let run: SourceRun;

  beforeEach(async () => {
    const data = await makeDataDir();
    remove = data.remove;
    clock = new ManualClock();
    api = makeApi(data.dir, { eureka: { enabled: true } }, clock);
    run = await startApi(api);
  });
  afterEach(async () => {
    await run.stop();
    await remove();
  });

  const register = async (overrides: object = {}) => {
    const { status } = await api.client.send('POST', '/eureka/apps/ORDERS', registration(overrides));
    assert.equal(status, 204);
  };
  const heartbeat = async (query = '') => (await api.client.put(path + query)).status;
  const published = () => run.recorder.services.get('orders')?.instances[0];

  it('are taken with what a server needs alone', async () => {
    const instance = { hostName: '10.0.0.9', app: 'ORDERS', port: 80, dataCenterInfo: { name: 'MyOwn' } };
    assert.deepEqual(await api.client.send('POST', '/eureka/apps/ORDERS', { instance }), { status: 204 });
    assert.deepEqual(published()?.ports, { http: 80 });
    await clock.advance(85_000);
    assert.equal(published()?.health, 'healthy');
    await clock.advance(10_000);
    assert.equal(published()?.health, 'unhealthy');
  });

  it('have the ordinary lease where they ask for one of no time', async () => {
    for (const durationInSecs of [0, '0', -1, null, 'soon']) {
      await register({ leaseInfo: { renewalIntervalInSecs: 0, durationInSecs } });
      await clock.advance(85_000);
      assert.equal(published()?.health, 'healthy', `${durationInSecs}`);
      await register();
    }
  });

  it('are not asked for again with each heartbeat when they do not say when they changed', async () => {
    await register({ lastDirtyTimestamp: undefined });
    assert.equal(await heartbeat('?status=UP&lastDirtyTimestamp=5000'), 200);
  });

  it('replace what was known when they do not say when they changed', async () => {
    await register({ lastDirtyTimestamp: '2000' });
    await register({ lastDirtyTimestamp: undefined, port: { $: 9090, '@enabled': 'true' } });
    assert.deepEqual(published()?.ports, { http: 9090 });
  });

  it('replace an older one whose lease has run out, whatever the clock of their machine says', async () => {
    await register({ lastDirtyTimestamp: '2000' });
    await clock.advance(17_000);
    assert.equal(published()?.health, 'unhealthy');
    await register({ lastDirtyTimestamp: '1000', ipAddr: '10.0.0.7' });
    assert.equal(published()?.address, '10.0.0.7');
    assert.equal(published()?.health, 'healthy');
  });

  it('give no place whose name has control characters', async () => {
    await register({ metadata: { region: 'r', zone: 'a\nlevel=error forged' } });
    assert.deepEqual(published()?.locality, { region: 'r', zone: '', subzone: '' });
    await register({ metadata: { zone: 'a\u202eb' }, lastDirtyTimestamp: '3000' });
    assert.equal(published()?.locality, undefined);
  });

  it('show no credential in the records, wherever it stands', async () => {
    await register({
      dataCenterInfo: { name: 'Amazon', '@class': 'x', metadata: { 'session-token': 'hunter1', 'ami-id': 'ami-1' } },
      healthCheckUrl: 'http://host-1:8080/health?access_token=hunter2',
      statusPageUrl: 'http://admin:hunter3@host-1:8080/info',
      metadata: { 'management.url': 'http://host-1/manage?a=1&apiKey=hunter4', plain: 'http://host-1/?page=2' },
    });
    const [record] = await api.source.records('orders');
    assert.doesNotMatch(record?.text ?? '', /hunter/);
    assert.match(record?.text ?? '', /ami-1/);
    assert.match(record?.text ?? '', /page=2/);
    const { body } = await api.client.get(`${root}/orders/instances`);
    assert.doesNotMatch(JSON.stringify([body, run.recorder.services.get('orders')]), /hunter/);
  });
});
