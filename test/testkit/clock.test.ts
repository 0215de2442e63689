import assert from 'node:assert/strict';
import { ManualClock } from '../../testkit/index.js';

const { signal } = new AbortController();

describe('ManualClock', () => {
  it('stands still until it is moved', async () => {
    const clock = new ManualClock(1000);
    let woken = false;
    const sleep = clock.sleep(50, signal).then(() => {
      woken = true;
    });
    await clock.advance(49);
    assert.equal(woken, false);
    assert.equal(clock.now(), 1049);
    await clock.advance(1);
    await sleep;
    assert.equal(clock.now(), 1050);
    assert.equal(clock.sleepers, 0);
  });

  it('wakes in order of time, and lets the woken sleep again within one advance', async () => {
    const clock = new ManualClock(0);
    const woken: string[] = [];
    const tick = async (name: string, ms: number, times: number) => {
      for (let i = 0; i < times; i++) {
        await clock.sleep(ms, signal);
        woken.push(`${name}@${clock.now()}`);
      }
    };
    const done = Promise.all([tick('b', 30, 1), tick('a', 20, 3)]);
    await clock.advance(100);
    await done;
    assert.deepEqual(woken, ['a@20', 'b@30', 'a@40', 'a@60']);
    assert.equal(clock.now(), 100);
  });

  it('honours the signal and keeps nothing of an aborted sleep', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const sleep = clock.sleep(10, abort.signal);
    abort.abort(new Error('enough'));
    await assert.rejects(sleep, /enough/);
    assert.equal(clock.sleepers, 0);
    await assert.rejects(clock.sleep(10, abort.signal), /enough/);
    assert.equal(clock.sleepers, 0);
  });

  it('tells when the code under test sleeps', async () => {
    const clock = new ManualClock();
    let asleep = false;
    const waiting = clock.untilAsleep(2, signal).then(() => {
      asleep = true;
    });
    const first = clock.sleep(5, signal);
    await clock.advance(0);
    assert.equal(asleep, false);
    const second = clock.sleep(5, signal);
    await waiting;
    await clock.advance(5);
    await Promise.all([first, second]);
    await assert.rejects(clock.untilAsleep(1, AbortSignal.abort(new Error('enough'))), /enough/);
  });
});
