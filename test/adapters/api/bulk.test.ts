import assert from 'node:assert/strict';
import { ManualClock, type SourceRun } from '../../../testkit/index.js';
import { type Api, makeApi, makeDataDir, root, startApi } from './make-api.js';

const bulk = '/api/v1/registry/local/bulk';

describe('adapters/api: many changes in one request', () => {
  const clock = new ManualClock();
  let remove: () => Promise<void>;
  let api: Api;
  let run: SourceRun;

  beforeEach(async () => {
    const data = await makeDataDir();
    remove = data.remove;
    api = makeApi(data.dir, { maxInstances: 5 }, clock);
    run = await startApi(api);
  });
  afterEach(async () => {
    await run.stop();
    await remove();
  });

  const item = (service: string, id: string, more: object = {}) => ({
    ...{ service, id, address: '10.0.0.1', port: 80 },
    ...more,
  });
  const ids = (service: string) => run.recorder.services.get(service)?.instances.map(({ id }) => id);
  const send = (body: unknown) => api.client.send('POST', bulk, body);

  it('happen together, deregistrations first', async () => {
    const first = await send({ register: [item('a', '1'), item('a', '2'), item('b', '1')] });
    assert.deepEqual(first, { status: 200, body: { registered: 3, changed: 0, same: 0, deregistered: 0 } });
    assert.deepEqual(ids('a'), ['1', '2']);
    const second = await send({
      register: [item('a', '1', { weight: 5 }), item('b', '1'), item('c', '1'), item('c', '2'), item('c', '3')],
      deregister: [
        { service: 'a', id: '2' },
        { service: 'a', id: 'unknown' },
      ],
    });
    assert.deepEqual(second.body, { registered: 3, changed: 1, same: 1, deregistered: 1 });
    assert.deepEqual(ids('a'), ['1']);
    assert.deepEqual(ids('c'), ['1', '2', '3']);
  });

  it('do not happen at all when one cannot, and each that cannot is told', async () => {
    await send({ register: [item('a', '1', { ttlSeconds: 60 }), item('a', '2')] });
    const events = run.recorder.events.length;
    const { status, body } = await send({
      register: [
        item('a', '1', { weight: 5 }),
        item('a', '3', { address: '0.0.0.0' }),
        item('a', '4', { port: undefined, ports: { admin: 1 } }),
        item('new', '..'),
        item('..', '1'),
      ],
      deregister: [{ service: 'a', id: '2' }],
    });
    assert.equal(status, 400);
    const { errors } = body as { errors: { list: string; index: number; status: number; detail: string }[] };
    assert.deepEqual(
      errors.map(({ index, status: own }) => [index, own]),
      [
        [1, 400],
        [2, 409],
        [3, 400],
        [4, 400],
      ],
    );
    assert.match(errors[0]?.detail ?? '', /unspecified/);
    assert.deepEqual(ids('a'), ['1', '2']);
    assert.equal(run.recorder.services.get('a')?.instances[0]?.weight, 100);
    assert.equal(run.recorder.services.has('new'), false);
    assert.equal(run.recorder.events.length, events);
    // The lease is what it was.
    await clock.advance(61_000);
    assert.deepEqual(
      run.recorder.services.get('a')?.instances.map(({ health }) => health),
      ['unhealthy', 'healthy'],
    );
  });

  it('keep the limits of the registry, counted after all of them', async () => {
    await send({ register: ['1', '2', '3', '4', '5'].map((id) => item('a', id)) });
    const over = await send({ register: [item('a', '6')] });
    assert.equal(over.status, 507);
    const swapped = await send({ register: [item('a', '6')], deregister: [{ service: 'a', id: '1' }] });
    assert.equal(swapped.status, 200);
    assert.deepEqual(ids('a'), ['2', '3', '4', '5', '6']);
  });

  it('are bounded, and need something to do', async () => {
    for (const body of [
      undefined,
      {},
      { register: [] },
      { register: {} },
      { other: [] },
      { register: Array.from({ length: 1001 }, (_, index) => item('a', `i${index}`)) },
      { register: [{ id: '1' }] },
    ]) {
      assert.equal((await send(body)).status, 400, JSON.stringify(body)?.slice(0, 80));
    }
    assert.equal((await api.client.get(root)).status, 200);
    assert.equal(run.recorder.services.size, 0);
  });
});
