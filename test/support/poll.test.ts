import assert from 'node:assert/strict';
import { poll } from './poll.js';

describe('poll', () => {
  it('gives the first value that is neither undefined nor false', async () => {
    const answers = [undefined, false, 0];
    assert.equal(await poll(() => answers.shift(), { intervalMs: 1 }), 0);
  });

  it('takes an error for not yet, and tells the last one when time runs out', async () => {
    let looks = 0;
    const refuse = () => {
      looks += 1;
      throw new Error(`refused ${looks}`);
    };
    await assert.rejects(poll(refuse, { timeoutMs: 50, intervalMs: 5, what: 'an answer' }), (error: Error) => {
      assert.equal(error.message, 'timed out after 50 ms waiting for an answer');
      assert.equal((error.cause as Error).message, `refused ${looks}`);
      return looks > 1;
    });
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const waiting = poll(() => false, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
  });

  it('ends in time even when a look hangs and heeds its signal', async () => {
    const hang = (signal: AbortSignal) =>
      new Promise<undefined>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await assert.rejects(poll(hang, { timeoutMs: 30 }), /timed out after 30 ms/);
  });
});
