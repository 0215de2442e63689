import assert from 'node:assert/strict';
import { follow, indexStep } from '../../../adapters/consul/blocking-query.js';
import type { ConsulClient } from '../../../adapters/consul/client.js';
import { systemClock } from '../../../core/plugin/index.js';
import { poll } from '../../support/poll.js';
import { FakeConsul, reply } from './fake-consul.js';
import { makeClient } from './make-client.js';

describe('adapters/consul: blocking queries', () => {
  let fake: FakeConsul;
  let client: ConsulClient;
  let abort: AbortController;
  const seen: [number, string][] = [];

  beforeEach(async () => {
    fake = await FakeConsul.start();
    client = await makeClient(fake.url, { connections: 1 });
    abort = new AbortController();
    seen.length = 0;
  });

  afterEach(async () => {
    abort.abort();
    await client.close();
    await fake.close();
  });

  const start = (index: number, minRoundMs = 0) =>
    follow(
      client,
      { query: { path: '/v1/x', of: 'instances' }, index, waitMs: 1000, minRoundMs, clock: systemClock },
      (answer, step) => {
        seen.push([answer.index, step]);
      },
      abort.signal,
    );
  /** Answers with these indexes in turn, and then no more. */
  const script = (...indexes: number[]) => {
    fake.answer = (_, response) => {
      const index = indexes.shift();
      if (index !== undefined) reply(response, [], { 'x-consul-index': index });
    };
  };
  const asked = () => fake.requests.map(({ query }) => query.get('index'));

  it('tells a move from a wait that is over and from a way back', () => {
    assert.equal(indexStep(5, 5), 'same');
    assert.equal(indexStep(5, 6), 'moved');
    assert.equal(indexStep(5, 4), 'back');
    assert.equal(indexStep(0, 1), 'moved');
  });

  it('asks for what is after the last index, and passes on only what has moved', async () => {
    script(5, 5, 8);
    const run = assert.rejects(start(0));
    await poll(() => fake.requests.length === 4);
    assert.deepEqual(asked(), [null, '5', '5', '8']);
    assert.deepEqual(seen, [
      [5, 'moved'],
      [8, 'moved'],
    ]);
    abort.abort();
    await run;
  });

  it('begins without an index when the index goes backwards', async () => {
    script(3, 3);
    const run = assert.rejects(start(100));
    await poll(() => fake.requests.length === 3);
    assert.deepEqual(asked(), ['100', null, '3']);
    assert.deepEqual(seen, [
      [3, 'back'],
      [3, 'moved'],
    ]);
    abort.abort();
    await run;
  });

  it('asks no faster than it may, however fast the index moves', async () => {
    let index = 1;
    fake.answer = (_, response) => reply(response, [], { 'x-consul-index': ++index });
    const run = assert.rejects(start(1, 50));
    await poll(() => fake.requests.length >= 16);
    abort.abort();
    await run;
    const times = fake.requests.map(({ atMs }) => atMs);
    // A burst comes at once, the ten after it in half a second.
    assert.ok((times[15] ?? 0) - (times[0] ?? 0) > 400, times.map(Math.round).join());
    assert.ok((times[4] ?? 0) - (times[0] ?? 0) < 200, times.map(Math.round).join());
  });

  it('ends with an error that a reader throws, for that loses no change', async () => {
    script(5);
    const failing = follow(
      client,
      { query: { path: '/v1/x', of: 'instances' }, index: 0, waitMs: 1000, minRoundMs: 0, clock: systemClock },
      () => {
        throw new Error('cannot take it');
      },
      abort.signal,
    );
    await assert.rejects(failing, /cannot take it/);
  });
});
