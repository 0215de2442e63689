import assert from 'node:assert/strict';
import { RateLimit } from '../../../sinks/kubernetes/rate-limit.js';
import { WriteQueue } from '../../../sinks/kubernetes/write-queue.js';
import { ManualClock } from '../../../testkit/index.js';
import { leftIn } from '../../support/left-in-signal.js';

const stop = new AbortController();
const { signal } = stop;

describe('sinks/kubernetes: the queue of writes', () => {
  let clock: ManualClock;
  let queue: WriteQueue;
  beforeEach(() => {
    clock = new ManualClock();
    queue = new WriteQueue(clock, { baseMs: 1000, maxMs: 8000 });
  });

  const taken = async (): Promise<string | undefined> => {
    const abort = new AbortController();
    const take = queue.take(abort.signal).catch(() => undefined);
    await clock.advance(0);
    await new Promise(setImmediate);
    abort.abort();
    return take;
  };

  it('gives out a key once, however often it was added', async () => {
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    assert.deepEqual([await taken(), await taken(), await taken()], ['a', 'b', undefined]);
  });

  it('gives a key out again that was added while it was worked on, and only after that', async () => {
    queue.add('a');
    assert.equal(await taken(), 'a');
    queue.add('a');
    assert.equal(await taken(), undefined);
    queue.done('a');
    assert.equal(await taken(), 'a');
    queue.done('a');
    assert.equal(await taken(), undefined);
  });

  it('waits longer after each failure, and forgets them after a success', async () => {
    queue.add('a');
    for (const atMost of [1000, 2000, 4000, 8000, 8000]) {
      assert.equal(await taken(), 'a');
      queue.failed('a', 'no');
      await clock.advance(atMost / 2 - 1);
      assert.equal(await taken(), undefined);
      await clock.advance(atMost / 2 + 1);
    }
    assert.equal(await taken(), 'a');
    assert.equal(queue.waiting.get('a')?.attempt, 4);
    queue.done('a');
    assert.equal(queue.waiting.size, 0);
  });

  it('waits as long as the other side asks, for one key or for all', async () => {
    queue.add('a');
    await taken();
    queue.failed('a', 'no', 60_000);
    await clock.advance(59_000);
    assert.equal(await taken(), undefined);
    queue.add('b');
    queue.pause(5000);
    assert.equal(await taken(), undefined);
    await clock.advance(5000);
    assert.deepEqual(new Set([await taken(), await taken()]), new Set(['a', 'b']));
  });

  it('tries a key that failed at once when something about it has changed', async () => {
    queue.add('a');
    await taken();
    queue.failed('a', 'no');
    queue.add('a');
    assert.equal(await taken(), 'a');
  });

  it('gives out again what a session that ended was at', async () => {
    queue.add('a');
    await taken();
    queue.reset();
    assert.equal(await taken(), 'a');
  });

  it('wakes as many as there is work for', async () => {
    const all = Promise.all([queue.take(signal), queue.take(signal)]);
    await clock.advance(0);
    queue.add('a');
    queue.add('b');
    assert.deepEqual(new Set(await all), new Set(['a', 'b']));
  });

  it('leaves nothing behind in a signal that lives for weeks, however often it waits', async () => {
    const { signal: whole } = new AbortController();
    for (let index = 0; index < 20; index++) {
      const take = queue.take(whole);
      await clock.advance(0);
      assert.equal(clock.sleepers, 1);
      queue.add('a');
      assert.equal(await take, 'a');
      queue.done('a');
    }
    assert.deepEqual(leftIn(whole), { dependants: 0, listeners: 0 });
  });

  it('keeps to its rate', async () => {
    const limit = new RateLimit(10, clock);
    let done = 0;
    for (let index = 0; index < 30; index++) void limit.take(new AbortController().signal).then(() => done++);
    await clock.advance(0);
    assert.equal(done, 10);
    await clock.advance(500);
    assert.equal(done, 15);
    await clock.advance(1500);
    assert.equal(done, 30);
  });
});
