import assert from 'node:assert/strict';
import { RereadQueue, type RereadQueueOptions } from '../../../adapters/zookeeper/reread-queue.js';
import { ManualClock } from '../../../testkit/index.js';

function make(read: RereadQueueOptions['read'], options: Partial<RereadQueueOptions> = {}) {
  const abort = new AbortController();
  const clock = new ManualClock();
  const failures: string[] = [];
  const queue = new RereadQueue({
    read,
    onFailure: (key, error) => failures.push(`${key}: ${error.message}`),
    onOverflow: () => assert.fail('overflow'),
    concurrency: 2,
    maxWaiting: 100,
    clock,
    signal: abort.signal,
    ...options,
  });
  return { queue, abort, clock, failures };
}

/** A reading that ends when the test says so. */
class Readings {
  readonly started: string[] = [];
  readonly #ends: (() => void)[] = [];
  readonly read = (key: string) => {
    this.started.push(key);
    return new Promise<void>((resolve) => this.#ends.push(resolve));
  };
  async end(): Promise<void> {
    this.#ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('RereadQueue', () => {
  it('keeps marks until it is started', async () => {
    const readings = new Readings();
    const { queue } = make(readings.read);
    queue.mark('a');
    assert.deepEqual(readings.started, []);
    assert.ok(queue.has('a'));
    queue.start();
    assert.deepEqual(readings.started, ['a']);
    await readings.end();
    assert.ok(!queue.has('a'));
  });

  it('reads once more what is marked while it is read, and never twice at a time', async () => {
    const readings = new Readings();
    const { queue } = make(readings.read);
    queue.start();
    for (let index = 0; index < 5; index++) queue.mark('a');
    assert.deepEqual(readings.started, ['a']);
    await readings.end();
    assert.deepEqual(readings.started, ['a', 'a']);
    await readings.end();
    assert.deepEqual(readings.started, ['a', 'a']);
    assert.ok(!queue.has('a'));
  });

  it('reads no more keys at a time than it may', async () => {
    const readings = new Readings();
    const { queue } = make(readings.read);
    queue.start();
    for (const key of ['a', 'b', 'c', 'd']) queue.mark(key);
    assert.deepEqual(readings.started, ['a', 'b']);
    await readings.end();
    assert.deepEqual(readings.started, ['a', 'b', 'c']);
  });

  it('reads again after a back-off that grows what failed, and tells of each failure', async () => {
    let reads = 0;
    const { queue, clock, failures } = make(async () => {
      reads++;
      if (reads <= 3) throw new Error(`no ${reads}`);
    });
    queue.start();
    queue.mark('a');
    await clock.advance(0);
    assert.deepEqual(failures, ['a: no 1']);
    assert.ok(queue.isFailing('a'));
    assert.ok(!queue.has('a'));
    await clock.advance(249);
    assert.equal(reads, 1, 'retried at once');
    await clock.advance(251 + 1000);
    assert.equal(reads, 3);
    assert.ok(queue.isFailing('a'));
    await clock.advance(2000);
    assert.equal(reads, 4);
    assert.ok(!queue.isFailing('a'));
    await clock.advance(60_000);
    assert.equal(reads, 4);
    assert.equal(clock.sleepers, 0);
  });

  it('waits for one retry of a key, however often it is marked and fails meanwhile', async () => {
    let reads = 0;
    const { queue, clock } = make(async () => {
      reads++;
      throw new Error('no');
    });
    queue.start();
    for (let index = 0; index < 20; index++) {
      queue.mark('a');
      await clock.advance(0);
    }
    assert.equal(reads, 20);
    assert.equal(clock.sleepers, 1);
  });

  it('does nothing more once it is aborted, and leaves no timer', async () => {
    const readings = new Readings();
    const { queue, abort, clock } = make(readings.read);
    queue.start();
    queue.mark('a');
    queue.mark('a');
    queue.retry('b');
    abort.abort();
    await readings.end();
    queue.mark('c');
    assert.deepEqual(readings.started, ['a']);
    assert.equal(clock.sleepers, 0);
  });

  it('tells when more wait than may', () => {
    let overflows = 0;
    const { queue } = make(() => Promise.resolve(), { maxWaiting: 3, onOverflow: () => overflows++ });
    for (const key of ['a', 'b', 'c', 'c', 'd']) queue.mark(key);
    assert.equal(overflows, 2);
  });
});
