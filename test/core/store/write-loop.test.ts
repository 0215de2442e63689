import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { WriteLoop } from '../../../core/store/write-loop.js';
import { type Deferred, deferred, systemClock } from '../../../core/time/index.js';
import { poll } from '../../support/poll.js';

describe('the write loop', () => {
  let stop: AbortController;
  let waiting: string[];
  let written: string[][];
  let failure: Error | undefined;
  let lines: string[];
  let loop: WriteLoop;
  let running: Promise<void>;
  let nowMs: number;
  let sleptMs: number[];
  /** How much was written by each sync. */
  let synced: number[];
  let syncFailure: Error | undefined;
  /** Stands for the second until a sync. */
  let syncTimer: Deferred<void> | undefined;

  beforeEach(() => {
    stop = new AbortController();
    waiting = [];
    written = [];
    failure = undefined;
    lines = [];
    nowMs = 1000;
    sleptMs = [];
    synced = [];
    syncFailure = undefined;
    syncTimer = undefined;
    loop = new WriteLoop({
      what: 'the files',
      hasWork: () => waiting.length > 0,
      write: async () => {
        if (failure) throw failure;
        written.push(waiting);
        waiting = [];
      },
      sync: async () => {
        if (syncFailure) throw syncFailure;
        synced.push(written.length);
      },
      clock: {
        now: () => nowMs,
        sleep: (ms, signal) => {
          sleptMs.push(ms);
          if (ms === 1000 && syncTimer) return syncTimer.promise;
          return systemClock.sleep(Math.min(ms, 20), signal);
        },
      },
      logger: pino({ base: null }, { write: (line: string) => void lines.push(line) }),
    });
    running = loop.run(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  it('writes together what comes in a short time', async () => {
    waiting.push('a');
    loop.wake();
    waiting.push('b');
    loop.wake();
    await loop.flush();
    assert.deepEqual(written, [['a', 'b']]);
  });

  it('writes soon what comes after a rest, and gathers what comes after that', async () => {
    const change = async (passedMs: number) => {
      nowMs += passedMs;
      const count = written.length;
      waiting.push('a');
      loop.wake();
      await poll(() => written.length > count);
    };
    await change(0);
    await change(30);
    await change(100);
    // The clock is set back.
    await change(-600_000);
    const gatheredMs = sleptMs.filter((ms) => ms !== 1000); // the sync is a second after a write
    assert.deepEqual(gatheredMs, [10, 70, 10, 100]);
  });

  it('shows a failure, logs it once a minute, and tries again', async () => {
    failure = new Error('no space left on device');
    waiting.push('a');
    await assert.rejects(loop.flush(), /no space left/);
    await poll(() => loop.failures >= 4);
    assert.deepEqual(loop.state, { state: 'failing', sinceMs: 1000, cause: 'no space left on device' });
    assert.equal(lines.length, 1);
    nowMs += 60_000;
    await poll(() => lines.length === 2);
    failure = undefined;
    await poll(() => written.length === 1);
    await poll(() => loop.state.state === 'writing');
    assert.match(lines[2] ?? '', /the files are written again/);
  });

  it('syncs once for all that was written in the second before, and then rests', async () => {
    syncTimer = deferred();
    for (let change = 1; change <= 3; change++) {
      waiting.push('a');
      loop.wake();
      await poll(() => written.length === change);
    }
    assert.deepEqual(synced, []);
    syncTimer.resolve();
    await poll(() => synced.length > 0);
    await delay(50);
    assert.deepEqual([synced, loop.state.state, loop.failures], [[3], 'writing', 0]);
    assert.equal(sleptMs.filter((ms) => ms === 1000).length, 1, 'one timer');
  });

  it('syncs before it says that all is on disk', async () => {
    syncTimer = deferred();
    waiting.push('a');
    await loop.flush();
    assert.deepEqual(synced, [1]);
    await loop.flush();
    assert.deepEqual(synced, [1, 1], 'nothing to write, and yet it may not have been synced');
  });

  it('syncs what was written though something else could not be', async () => {
    failure = new Error('no space left on device');
    waiting.push('a');
    await assert.rejects(loop.flush(), /no space left/);
    assert.deepEqual(synced, [0]);
    await poll(() => synced.length > 1, { what: 'the sync a second after a write' });
  });

  it('tells of a sync that failed as of a write, and tries it again', async () => {
    syncFailure = new Error('input/output error');
    waiting.push('a');
    await assert.rejects(loop.flush(), /input/);
    await poll(() => loop.failures >= 3);
    assert.deepEqual(loop.state, { state: 'failing', sinceMs: 1000, cause: 'input/output error' });
    syncFailure = undefined;
    await poll(() => loop.state.state === 'writing');
    assert.deepEqual([written, synced], [[['a']], [1]]);
  });

  it('writes what is left when it is stopped, and refuses what comes later', async () => {
    waiting.push('a');
    stop.abort();
    await running;
    assert.deepEqual([written, synced], [[['a']], [1]]);
    await assert.rejects(loop.flush());
  });
});
