import assert from 'node:assert/strict';
import { ReadQueue } from '../../../adapters/consul/read-queue.js';

describe('adapters/consul: read queue', () => {
  const { signal } = new AbortController();

  it('gives what has changed before what may have', async () => {
    const queue = new ReadQueue();
    queue.add('probed', 'probe');
    queue.add('changed', 'read');
    const order = [];
    for (let i = 0; i < 2; i++) order.push((await queue.take(signal)).name);
    assert.deepEqual(order, ['changed', 'probed']);
  });

  it('holds a name once, at its most urgent', async () => {
    const queue = new ReadQueue();
    for (const kind of ['probe', 'read', 'probe'] as const) queue.add('web', kind);
    assert.equal(queue.size, 1);
    assert.deepEqual(await queue.take(signal), { name: 'web', kind: 'read' });
  });

  it('reads a service once more that changed while it was read, and not twice at a time', async () => {
    const queue = new ReadQueue();
    queue.add('web', 'read');
    await queue.take(signal);
    queue.add('web', 'read');
    const next = queue.take(signal);
    assert.equal(await Promise.race([next, soon()]), 'nothing yet');
    queue.done('web');
    assert.deepEqual(await next, { name: 'web', kind: 'read' });
  });

  it('gives each job to one taker, and wakes takers as jobs come', async () => {
    const queue = new ReadQueue();
    const takers = [queue.take(signal), queue.take(signal)];
    queue.add('a', 'read');
    queue.add('b', 'probe');
    const names = (await Promise.all(takers)).map(({ name }) => name);
    assert.deepEqual(names.sort(), ['a', 'b']);
  });

  it('lets takers go when they are told to', async () => {
    const queue = new ReadQueue();
    const abort = new AbortController();
    const taken = assert.rejects(queue.take(abort.signal), /enough/);
    abort.abort(new Error('enough'));
    await taken;
    queue.add('web', 'read');
    assert.equal(queue.size, 1);
  });
});

function soon(): Promise<string> {
  return new Promise((resolve) => setImmediate(() => setImmediate(() => resolve('nothing yet'))));
}
