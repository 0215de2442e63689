import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { DeltaConfirmation, type OtherDelta } from '../../../adapters/eureka/delta-confirmation.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { type Answer, FakeEureka, json, raw, status } from './fake-eureka.js';
import { instanceJson, listing } from './listing.js';
import { makeSource } from './make-source.js';

const start = 1_700_000_000_000;

/** An instance as the server changed it last so many ms after the start. */
const at = (ms: number, id: string, change: Readonly<Record<string, unknown>> = {}) =>
  instanceJson('A', id, { lastUpdatedTimestamp: `${start + ms}`, ...change });
const goneAt = (ms: number, id: string) => at(ms, id, { actionType: 'DELETED' });

function answer(version: string, hash: string, ...instances: Record<string, unknown>[]): Answer {
  return json(listing({ A: instances }, hash, version));
}

describe('adapters/eureka source, a delta that a change has missed', () => {
  let server: FakeEureka;
  let run: SourceRun;
  let recorder: Recorder;

  beforeEach(async () => {
    server = new FakeEureka();
    await server.start();
    server.full = json(listing({ A: [at(0, 'a1'), at(0, 'a2')] }));
    server.delta = answer('1', 'UP_2_');
  });
  afterEach(async () => {
    await run.stop();
    await server.stop();
  });

  const begin = async () => {
    run = new SourceRun(makeSource({ servers: [server.url], intervalMs: 100 }));
    recorder = run.recorder;
    await recorder.waitFor(({ synced }) => synced);
  };
  const ids = () =>
    recorder.services
      .get('A')
      ?.instances.map(({ id }) => id)
      .join();

  it('is asked about once in its other form, and no more until there is another one', async () => {
    await begin();
    await server.polled(8);
    assert.equal(server.count('compact'), 1);
    assert.equal(server.count('full'), 1);
    server.delta = answer('2', 'UP_2_');
    await poll(() => server.count('compact') === 2);
    await server.polled(4);
    assert.equal(server.count('compact'), 2);
    assert.equal(server.count('full'), 1);
  });

  it('is told by the hash of the other form', async () => {
    await begin();
    server.full = json(listing({ A: [at(0, 'a1')] }));
    server.compact = answer('1', 'UP_1_', goneAt(1000, 'a2'));
    await recorder.waitFor(() => ids() === 'a1', { what: 'the instance to go' });
    assert.equal(recorder.degradedScopes.size, 0, 'it was told gone, and is not missing');
    const listings = server.count('full');
    await server.polled(8);
    assert.equal(server.count('full'), listings, 'the delta is known to be overtaken');
    assert.equal(ids(), 'a1');
  });

  it('ends no instance that the listing has, whatever the other form tells', async () => {
    await begin();
    const seen = new Set<string | undefined>();
    recorder.onEvent(() => seen.add(ids()));
    server.compact = answer('1', 'UP_1_', goneAt(1000, 'a2'));
    await poll(() => server.count('full') === 2);
    await server.polled(5);
    assert.deepEqual([...seen], ['a1,a2']);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  it('is told by changes in the other form that leave the hash as it is', async () => {
    await begin();
    server.full = json(listing({ A: [at(0, 'a1'), at(1000, 'a3')] }));
    server.compact = answer('1', 'UP_2_', goneAt(1000, 'a2'), at(1000, 'a3'));
    await recorder.waitFor(() => ids()?.includes('a3') === true, { what: 'the new instance' });
    server.full = json(listing({ A: [at(0, 'a1'), at(2000, 'a3', { metadata: { weight: '3' } })] }));
    server.delta = answer('2', 'UP_2_', goneAt(1000, 'a2'), at(1000, 'a3'));
    server.compact = answer('2', 'UP_2_', goneAt(1000, 'a2'), at(2000, 'a3'));
    const weight = () => recorder.services.get('A')?.instances.find(({ id }) => id === 'a3')?.weight;
    await recorder.waitFor(() => weight() === 300, { what: 'the changed instance' });
  });

  it('is believed when the listing says the same, and the other form is not asked for again soon', async () => {
    server.compact = answer('1', 'UP_3_', at(1000, 'a3'));
    await begin();
    await poll(() => server.count('full') === 2);
    for (const version of ['2', '3']) {
      server.delta = answer(version, 'UP_2_');
      await server.polled(5);
    }
    assert.equal(server.count('full'), 2);
    assert.equal(server.count('compact'), 1);
    assert.equal(recorder.degradedScopes.size, 0);
  });

  for (const [what, other] of [
    ['refuses its other form', status(406)],
    ['gives something else for it', raw('<xml/>', { 'content-type': 'application/xml' })],
    ['breaks off', raw('{"applications":{"application":[')],
  ] as const) {
    it(`is believed when the server ${what}`, async () => {
      server.compact = other;
      await begin();
      await poll(() => server.count('compact') >= 1);
      await server.polled(5);
      assert.equal(server.count('compact'), 1);
      assert.equal(server.count('full'), 1);
      assert.equal(recorder.degradedScopes.size, 0);
    });
  }
});

describe('adapters/eureka DeltaConfirmation', () => {
  const delta = (version: number) => ({ version: `${version}`, hash: 'UP_1_' });
  const other: OtherDelta = { hash: 'UP_2_', recent: [] };
  const registry = { hash: () => 'UP_1_', knows: () => true };

  it('asks ever more rarely while listings contradict the other delta, and at once when they no longer do', async () => {
    const confirmation = new DeltaConfirmation();
    let version = 0;
    let asked = 0;
    const read = async () => {
      asked++;
      return other;
    };
    const look = async (nowMs: number, listed = registry) => {
      const next = delta(++version);
      await confirmation.contradiction(next, registry, nowMs, read);
      const found = await confirmation.contradiction(next, registry, nowMs, read);
      if (found) confirmation.listed(next, found, listed, nowMs);
    };
    const hourMs = 3_600_000;
    const seen: number[] = [];
    for (let nowMs = 0; nowMs < 12 * hourMs; nowMs += 10_000) {
      const before = asked;
      await look(nowMs);
      if (asked > before) seen.push(nowMs);
    }
    assert.ok(seen.length > 12 && seen.length < 40, `asked ${seen.length} times`);
    assert.ok((seen.at(-1) ?? 0) - (seen.at(-2) ?? 0) > hourMs / 3);
    const { length } = seen;
    await look(24 * hourMs, { hash: () => 'UP_2_', knows: () => true });
    await look(24 * hourMs);
    assert.equal(asked, length + 2, 'the listing agreed with the other delta, so that it is asked again at once');
  });
});
