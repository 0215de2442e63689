import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import fc from 'fast-check';
import { Leases } from '../../../adapters/api/leases.js';
import { freeLosses, lossWindowMs, MassExpiry } from '../../../adapters/api/mass-expiry.js';
import { ManualClock, type SourceRun } from '../../../testkit/index.js';
import { type Api, makeApi, makeDataDir, root, startApi } from './make-api.js';

describe('adapters/api: leases', () => {
  it('run out in the order of their times, whatever was renewed, shortened, deleted and postponed', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), id: fc.nat(20), ms: fc.integer({ min: 1, max: 1000 }) }),
      fc.record({ kind: fc.constant('delete' as const), id: fc.nat(20), ms: fc.constant(0) }),
      fc.record({ kind: fc.constant('postpone' as const), id: fc.constant(0), ms: fc.integer({ min: -50, max: 300 }) }),
      fc.record({ kind: fc.constant('wait' as const), id: fc.constant(0), ms: fc.integer({ min: 0, max: 400 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const leases = new Leases();
        const model = new Map<string, number>();
        let nowMs = 0;
        for (const { kind, id: number, ms } of steps) {
          const key = { service: `s${number % 3}`, id: `i${number}` };
          if (kind === 'set') {
            leases.set(key, nowMs + ms);
            model.set(key.id, nowMs + ms);
          } else if (kind === 'delete') {
            leases.delete(key);
            model.delete(key.id);
          } else if (kind === 'postpone') {
            leases.postpone(ms);
            for (const [id, atMs] of model) model.set(id, atMs + ms);
          } else nowMs += ms;
          const due = leases.takeDue(nowMs).map(({ id }) => id);
          const expected = [...model].filter(([, atMs]) => atMs <= nowMs).map(([id]) => id);
          assert.deepEqual([...due].sort(), expected.sort());
          for (const id of due) model.delete(id);
          assert.equal(leases.size, model.size);
        }
      }),
    );
  });

  it('stay small however often they are renewed, shortened and given anew', () => {
    const leases = new Leases();
    for (let round = 0; round < 50_000; round++) {
      const key = { service: 's', id: `i${round % 10}` };
      leases.set(key, 1_000_000 - (round % 1000) * 10);
      if (round % 3 === 0) leases.delete(key);
    }
    assert.ok(leases.size <= 10);
    assert.ok(leases.marks < 3000, `${leases.marks} marks`);
  });
});

describe('adapters/api: leases that run out in great numbers', () => {
  const guard = () => new MassExpiry({ maxLossShare: 0.15, maxHoldMs: 600_000 });

  it('lets few go, however few there are', () => {
    assert.equal(guard().allows(freeLosses, 0, 0), true);
    assert.equal(guard().allows(freeLosses + 1, 0, 0), false);
    assert.equal(guard().allows(15, 85, 0), true);
    assert.equal(guard().allows(16, 84, 0), false);
  });

  it('counts those of the last minute, and lets the rest go after the hold', () => {
    const mass = guard();
    assert.equal(mass.allows(10, 90, 0), true);
    assert.equal(mass.allows(10, 80, 1000), false);
    assert.equal(mass.heldSinceMs, 1000);
    assert.equal(mass.allows(10, 80, 601_000), true);
    assert.equal(mass.heldSinceMs, undefined);
  });

  it('waits for the last to come back when the first have', () => {
    const mass = guard();
    assert.equal(mass.allows(50, 50, 0), false);
    mass.rescued(10_000);
    assert.equal(mass.allows(5, 95, 10_000), false);
    assert.equal(mass.allows(5, 95, 10_000 + lossWindowMs), true);
  });
});

describe('adapters/api: instances whose leases run out', () => {
  const clock = new ManualClock();
  let dir: string;
  let remove: () => Promise<void>;
  let api: Api;
  let run: SourceRun;

  beforeEach(async () => {
    ({ dir, remove } = await makeDataDir());
    api = makeApi(dir, {}, clock);
    run = await startApi(api);
  });
  afterEach(async () => {
    await run.stop();
    await remove();
  });

  const path = (id: string) => `${root}/orders/instances/${id}`;
  const put = (id: string) => api.client.put(path(id), { address: '10.0.0.1', port: 80, ttlSeconds: 10 });
  const health = (id: string) =>
    run.recorder.services.get('orders')?.instances.find((instance) => instance.id === id)?.health;

  it('are unhealthy first, healthy again with a heartbeat, and removed later', async () => {
    await put('a');
    await clock.advance(11_000);
    assert.equal(health('a'), 'unhealthy');
    assert.equal((await api.client.put(`${path('a')}/heartbeat`)).status, 204);
    assert.equal(health('a'), 'healthy');
    await clock.advance(11_000);
    assert.equal(health('a'), 'unhealthy');
    await put('a');
    assert.equal(health('a'), 'healthy');
    await clock.advance(41_000);
    assert.equal(health('a'), undefined);
  });

  it('do not serve again because of a restart, and are not removed by it', async () => {
    await put('a');
    await clock.advance(11_000);
    await run.stop();
    const next = makeApi(dir, {}, clock);
    run = await startApi(next);
    assert.equal(health('a'), 'unhealthy');
    await clock.advance(35_000);
    assert.equal(health('a'), 'unhealthy');
    await clock.advance(10_000);
    assert.equal(health('a'), undefined);
  });

  it('are kept, with a notice, when they are many at a time, until they are renewed', async () => {
    for (let index = 0; index < 20; index++) await put(`i${index}`);
    await clock.advance(11_000);
    assert.equal(health('i0'), 'healthy');
    assert.match(run.recorder.notices.get('leases') ?? '', /^20 of 20 leases have run out together/);
    for (let index = 0; index < 20; index++) await api.client.put(`${path(`i${index}`)}/heartbeat`);
    await clock.advance(1000);
    assert.equal(run.recorder.notices.get('leases'), undefined);
    assert.equal(health('i0'), 'healthy');
  });

  it('go in spite of their number when the time of the hold is over', async () => {
    for (let index = 0; index < 20; index++) await put(`i${index}`);
    await clock.advance(609_000);
    assert.equal(health('i0'), 'healthy');
    await clock.advance(3000);
    assert.equal(health('i0'), 'unhealthy');
    assert.equal(run.recorder.notices.get('leases'), undefined);
    await clock.advance(31_000);
    assert.equal(health('i0'), undefined);
  });

  it('writes no heartbeat to disk', async () => {
    const { mtimeMs } = await (async () => {
      await put('a');
      return stat(`${dir}/registry.jsonl`);
    })();
    for (let beat = 0; beat < 10; beat++) await api.client.put(`${path('a')}/heartbeat`);
    await put('a');
    assert.equal((await stat(`${dir}/registry.jsonl`)).mtimeMs, mtimeMs);
  });
});
