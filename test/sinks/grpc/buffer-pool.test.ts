import assert from 'node:assert/strict';
import { BufferPool, lease } from '../../../sinks/grpc/buffer-pool.js';

describe('the pool of large buffers', () => {
  it('gives a buffer again once it is retired and every lease is released', () => {
    const pool = new BufferPool();
    const first = pool.take(1000);
    const { buffer: memory } = first.bytes;
    const [one, two] = [first.lease(), first.lease()];
    one.release();
    one.release();
    first.retire();
    assert.notEqual(pool.take(1000).bytes.buffer, memory);
    two.release();
    assert.equal(pool.take(1000).bytes.buffer, memory);
    two.release();
    first.retire();
    assert.notEqual(pool.take(1000).bytes.buffer, memory);
  });

  it('never gives one that its owner has not retired', () => {
    const pool = new BufferPool();
    const first = pool.take(1000);
    first.lease().release();
    assert.notEqual(pool.take(1000).bytes.buffer, first.bytes.buffer);
  });

  it('gives exactly the length, of a spare that is not much longer', () => {
    const pool = new BufferPool();
    const first = pool.take(1000);
    assert.equal(first.bytes.length, 1000);
    first.retire();
    for (const length of [2000, 100]) assert.notEqual(pool.take(length).bytes.buffer, first.bytes.buffer);
    const again = pool.take(1030);
    assert.deepEqual([again.bytes.length, again.bytes.buffer === first.bytes.buffer], [1030, true]);
  });

  it('keeps few spares', () => {
    const pool = new BufferPool();
    const buffers = Array.from({ length: 10 }, () => pool.take(1000));
    const memories = new Set(buffers.map(({ bytes }) => bytes.buffer));
    for (const buffer of buffers) buffer.retire();
    const again = Array.from({ length: 10 }, () => pool.take(1000).bytes.buffer);
    assert.equal(again.filter((memory) => memories.has(memory)).length, 2);
  });

  it('a lease that nobody takes back may be released', () => {
    const bytes = Buffer.from('x');
    const lent = lease(bytes);
    lent.release();
    assert.equal(lent.bytes, bytes);
  });
});
