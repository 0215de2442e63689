import assert from 'node:assert/strict';
import pino from 'pino';
import { WriteLoop } from '../../../core/store/write-loop.js';
import { systemClock } from '../../../core/time/index.js';
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

  beforeEach(() => {
    stop = new AbortController();
    waiting = [];
    written = [];
    failure = undefined;
    lines = [];
    nowMs = 1000;
    sleptMs = [];
    loop = new WriteLoop({
      what: 'the files',
      hasWork: () => waiting.length > 0,
      write: async () => {
        if (failure) throw failure;
        written.push(waiting);
        waiting = [];
      },
      clock: {
        now: () => nowMs,
        sleep: (ms, signal) => {
          sleptMs.push(ms);
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
      waiting.push('a');
      await loop.flush();
    };
    await change(0);
    await change(30);
    await change(100);
    // The clock is set back.
    await change(-600_000);
    assert.deepEqual(sleptMs, [10, 70, 10, 100]);
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

  it('writes what is left when it is stopped, and refuses what comes later', async () => {
    waiting.push('a');
    stop.abort();
    await running;
    assert.deepEqual(written, [['a']]);
    await assert.rejects(loop.flush());
  });
});
