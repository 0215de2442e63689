import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import pino from 'pino';
import type { Source, SourceOutput } from '../../../core/source/source.js';
import { SourceTable } from '../../../core/source/source-table.js';
import { SourceSupervisor } from '../../../core/source/supervisor.js';
import { ManualClock } from '../../../testkit/clock.js';
import { aService } from '../../support/model.js';

type Run = Source['run'];

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

function supervise(...runs: Run[]) {
  const clock = new ManualClock();
  const table = new SourceTable(() => undefined);
  const stop = new AbortController();
  let started = 0;
  let synced = 0;
  const supervisor = new SourceSupervisor({
    name: 'src',
    kind: 'fake',
    required: true,
    staleAfterMs: 60_000,
    source: { run: (out, signal) => (runs[started++] ?? ((_, s) => untilAborted(s)))(out, signal) },
    table,
    clock,
    logger: pino({ level: 'silent' }),
    onSynced: () => synced++,
    backoff: { baseMs: 1000, maxMs: 8000 },
    random: () => 1,
  });
  return { clock, table, stop, supervisor, started: () => started, synced: () => synced };
}

describe('SourceSupervisor', () => {
  it('restarts a source that failed, later each time, and keeps what it published', async () => {
    const fail: Run = () => Promise.reject(new Error('refused'));
    const it = supervise(
      (out) => {
        out.replaceAll([aService('a')]);
        return fail(out, it.stop.signal);
      },
      fail,
      fail,
    );
    const running = it.supervisor.run(it.stop.signal);
    await it.clock.advance(999);
    assert.equal(it.started(), 1);
    await it.clock.advance(1);
    assert.equal(it.started(), 2);
    await it.clock.advance(1999);
    assert.equal(it.started(), 2);
    await it.clock.advance(1);
    assert.equal(it.started(), 3);
    const { status, services, failures } = it.supervisor.status();
    assert.equal(services, 1);
    assert.equal(failures, 3);
    assert.ok(status.state === 'degraded' && status.cause === 'refused');
    it.stop.abort();
    await running;
    assert.equal(it.clock.sleepers, 0);
  });

  it('shows a source what is published, of before a restart too', async () => {
    const names: string[][] = [];
    const it = supervise(
      async (out) => {
        names.push([...out.published().keys()]);
        out.upsert(aService('b'));
        throw new Error('refused');
      },
      async (out) => {
        names.push([...out.published().keys()]);
      },
    );
    it.table.restore([aService('a')]);
    const running = it.supervisor.run(it.stop.signal);
    await it.clock.advance(1000);
    assert.deepEqual(names, [['a'], ['a', 'b']]);
    it.stop.abort();
    await running;
  });

  it('puts no load on the signal that all sources share', async () => {
    const it = supervise();
    const running = it.supervisor.run(it.stop.signal);
    assert.equal(it.started(), 1);
    assert.equal(getEventListeners(it.stop.signal, 'abort').length, 0);
    it.stop.abort();
    await running;
  });

  it('begins anew with the back-off after a run that went well for a while, and only then', async () => {
    const listThenFailAfter =
      (ms: number): Run =>
      async (out, signal) => {
        out.replaceAll([]);
        if (ms > 0) await it.clock.sleep(ms, signal);
        throw new Error('reset');
      };
    const it = supervise(listThenFailAfter(0), listThenFailAfter(0), listThenFailAfter(8000), listThenFailAfter(0));
    const running = it.supervisor.run(it.stop.signal);
    const startedAfter = async (count: number, ms: number) => {
      await it.clock.advance(ms - 1);
      assert.equal(it.started(), count - 1);
      await it.clock.advance(1);
      assert.equal(it.started(), count);
    };
    await startedAfter(2, 1000);
    await startedAfter(3, 2000);
    await startedAfter(4, 8000 + 1000);
    it.stop.abort();
    await running;
  });

  it('takes a source that ends by itself as failed', async () => {
    const it = supervise(() => Promise.resolve());
    const running = it.supervisor.run(it.stop.signal);
    await it.clock.advance(0);
    const { status } = it.supervisor.status();
    assert.ok(status.state === 'starting' && status.cause === 'the source ended by itself');
    it.stop.abort();
    await running;
  });

  it('takes a source that throws at once as failed', async () => {
    const it = supervise(() => {
      throw new TypeError('bug');
    });
    const running = it.supervisor.run(it.stop.signal);
    await it.clock.advance(1000);
    assert.equal(it.started(), 2);
    it.stop.abort();
    await running;
  });

  it('hears nothing from a run that is over', async () => {
    let late: SourceOutput | undefined;
    const it = supervise((out) => {
      late = out;
      out.replaceAll([aService('a')]);
      return Promise.reject(new Error('over'));
    });
    const running = it.supervisor.run(it.stop.signal);
    await it.clock.advance(1000);
    late?.replaceAll([]);
    late?.remove('a');
    assert.equal(it.table.services.size, 1);
    assert.equal(it.synced(), 1);
    it.stop.abort();
    await running;
  });

  it('degrades and recovers by scope', async () => {
    let out: SourceOutput | undefined;
    const it = supervise((output, signal) => {
      out = output;
      output.replaceAll([]);
      return untilAborted(signal);
    });
    const running = it.supervisor.run(it.stop.signal);
    await it.clock.advance(0);
    assert.equal(it.supervisor.status().status.state, 'fresh');
    out?.degraded(new Error('403'), 'gray');
    await it.clock.advance(60_000);
    assert.equal(it.supervisor.status().status.state, 'stale');
    out?.recovered('gray');
    assert.equal(it.supervisor.status().status.state, 'fresh');
    it.stop.abort();
    await running;
  });

  it('leaves behind a source that does not stop', async () => {
    const it = supervise(() => new Promise(() => undefined));
    const running = it.supervisor.run(it.stop.signal);
    await it.clock.advance(0);
    it.stop.abort();
    await running;
  }).timeout(5000);
});
