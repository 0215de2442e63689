import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FlushTurns } from '../../../sinks/grpc/flush-turns.js';
import type { CacheStream } from '../../../sinks/grpc/resource-type.js';

const sliceMs = 5;

describe('the turns of streams that are flushed', () => {
  let turns: FlushTurns;
  let flushed: number[];

  beforeEach(() => {
    turns = new FlushTurns(sliceMs);
    flushed = [];
  });

  function aStream(id: number, busyMs = 0): CacheStream {
    return {
      touched: false,
      flush: () => {
        for (const endMs = performance.now() + busyMs; performance.now() < endMs; );
        flushed.push(id);
      },
    };
  }

  it('are taken at once while there is time', () => {
    for (let id = 0; id < 3; id++) turns.asked(aStream(id));
    assert.deepEqual(flushed, [0, 1, 2]);
  });

  it('leave time for other work when it takes longer, and are taken in order', async () => {
    for (let id = 0; id < 9; id++) turns.asked(aStream(id, 3));
    for (let before = 0; before < 9; ) {
      const count = flushed.length - before;
      assert.ok(count >= 1 && count <= 2, `${count} in one turn`);
      before = flushed.length;
      await nextTurn();
    }
    assert.deepEqual(flushed, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('come once for who waits, and not for who has ended', async () => {
    const [first, second, third] = [aStream(1, sliceMs), aStream(2), aStream(3)];
    for (const stream of [first, second, third, second]) turns.asked(stream);
    turns.delete(third);
    assert.deepEqual(flushed, [1]);
    await nextTurn();
    assert.deepEqual(flushed, [1, 2]);
    turns.asked(third);
    assert.deepEqual(flushed, [1, 2, 3]);
  });

  it('do not hold up a change, but for who waits for its turn already', async () => {
    const waits = aStream(2);
    turns.asked(aStream(1, sliceMs));
    turns.asked(waits);
    for (const stream of [waits, aStream(3, sliceMs), aStream(4)]) turns.changed(stream);
    assert.deepEqual(flushed, [1, 3, 4]);
    await nextTurn();
    assert.deepEqual(flushed, [1, 3, 4, 2]);
  });
});
