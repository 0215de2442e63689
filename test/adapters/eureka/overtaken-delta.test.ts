import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { FakeEureka, json, raw, status } from './fake-eureka.js';
import { instanceJson, listing } from './listing.js';
import { makeSource } from './make-source.js';

const start = 1_700_000_000_000;

/** An instance as it was registered, changed or deregistered so many ms after the start. */
const at = (ms: number, id: string, change: Readonly<Record<string, unknown>> = {}) =>
  instanceJson('A', id, {
    ...{ lastUpdatedTimestamp: `${start + ms}`, lastDirtyTimestamp: `${start + ms}` },
    leaseInfo: { durationInSecs: 90, registrationTimestamp: start + ms, lastRenewalTimestamp: start + ms },
    ...change,
  });
const goneAt = (ms: number, id: string) => at(0, id, { lastUpdatedTimestamp: `${start + ms}`, actionType: 'DELETED' });

/**
 * A server that a change reaches while it makes up its delta keeps a delta without it, until something else changes;
 * `source.server.test.ts` shows the real one do so.
 */
describe('adapters/eureka source, a delta that is older than the listing', () => {
  let server: FakeEureka;
  let run: SourceRun;
  let recorder: Recorder;

  beforeEach(async () => {
    server = new FakeEureka();
    await server.start();
  });
  afterEach(async () => {
    await run.stop();
    await server.stop();
  });

  const begin = async (missingGraceMs?: number) => {
    const times = {
      intervalMs: 100,
      fullIntervalMs: 1000,
      ...(missingGraceMs === undefined ? {} : { missingGraceMs }),
    };
    run = new SourceRun(makeSource({ servers: [server.url], ...times }));
    recorder = run.recorder;
    await recorder.waitFor(({ synced }) => synced);
  };
  const ids = () => recorder.services.get('A')?.instances.map(({ id }) => id);
  const delta = (version: string, hash: string, ...instances: Record<string, unknown>[]) => {
    server.delta = json(listing({ A: instances }, hash, version));
  };

  it('publishes an instance that has registered again, though the delta tells its end alone', async () => {
    server.full = json(listing({ A: [at(0, 'a1'), at(0, 'a2')] }));
    delta('1', 'UP_2_');
    await begin();
    server.full = json(listing({ A: [at(0, 'a1')] }));
    delta('2', 'UP_1_', goneAt(1000, 'a2'));
    await recorder.waitFor(() => ids()?.join() === 'a1');

    server.full = json(listing({ A: [at(0, 'a1'), at(2000, 'a2')] }));
    await recorder.waitFor(() => ids()?.join() === 'a1,a2', { what: 'what an audit lists' });
    const seen = new Set<string>();
    const stop = recorder.onEvent(() => seen.add(`${ids()}`));
    const listings = server.count('full');
    await server.polled(15);
    stop();
    assert.deepEqual([...seen], seen.size === 0 ? [] : ['a1,a2'], 'it stays');
    assert.equal(recorder.degradedScopes.size, 0);
    assert.ok(server.count('full') - listings <= 3, 'only audits list everything');

    delta('3', 'UP_1_', goneAt(3000, 'a2'));
    await recorder.waitFor(() => ids()?.join() === 'a1', { what: 'an end that is newer than the listing' });
  });

  it('goes back to no earlier state that the delta still tells', async () => {
    server.full = json(listing({ A: [at(2000, 'a1', { metadata: { weight: '2' } })] }));
    delta('1', 'UP_1_', at(1000, 'a1', { metadata: { weight: '1' } }));
    await begin();
    const weight = () => recorder.services.get('A')?.instances[0]?.weight;
    assert.equal(weight(), 200);
    const seen = new Set<number | undefined>();
    recorder.onEvent(() => seen.add(weight()));
    await server.polled(15);
    assert.ok(!seen.has(100));
    delta('2', 'UP_1_', at(3000, 'a1', { metadata: { weight: '3' } }));
    await recorder.waitFor(() => weight() === 300);
  });

  it('reads everything again when another delta has the same hash', async () => {
    server.full = json(listing({ A: [at(0, 'a1'), at(2000, 'a2')] }));
    delta('1', 'UP_1_', goneAt(1000, 'a2'));
    await begin();
    assert.deepEqual(ids(), ['a1', 'a2']);
    server.full = json(listing({ A: [at(0, 'a1')] }));
    const listings = server.count('full');
    delta('2', 'UP_1_');
    await poll(() => server.count('full') > listings);
    await recorder.waitFor(() => recorder.degradedScopes.has('missing instances'));
  });

  describe('with an instance that the server does not have any more', () => {
    beforeEach(async () => {
      server.full = json(listing({ A: [at(0, 'a1'), at(0, 'a2')] }));
      delta('1', 'UP_2_', at(0, 'a2'));
      await begin(300);
      server.full = json(listing({ A: [at(0, 'a1')] }));
    });

    it('lets it go as one that is missing, and takes it back when it is told anew', async () => {
      server.instance = (response) => (/\/A\/a2$/.test(response.req.url ?? '') ? status(404) : raw('{}'))(response);
      await recorder.waitFor(() => recorder.degradedScopes.has('missing instances'));
      await recorder.waitFor(() => ids()?.join() === 'a1');
      await recorder.waitFor(() => recorder.degradedScopes.size === 0);
      const seen = new Set<string>();
      const stop = recorder.onEvent(() => seen.add(`${ids()}`));
      const listings = server.count('full');
      await server.polled(25);
      stop();
      assert.deepEqual([...seen], seen.size === 0 ? [] : ['a1'], 'it stays away');
      assert.ok(server.count('full') - listings <= 4, 'only audits list everything');
      server.instance = raw('{}');
      delta('2', 'UP_2_', at(3000, 'a2'));
      await recorder.waitFor(() => ids()?.join() === 'a1,a2');
    });

    const believes = async () => {
      const asked = () => server.paths.filter((path) => path.endsWith('/A/a2')).length;
      await poll(() => asked() >= 2);
      await delay(500);
      assert.deepEqual(ids(), ['a1', 'a2']);
      assert.equal(recorder.degradedScopes.size, 0);
    };

    it('believes the delta when the server says so of what it lists, too', async () => {
      server.instance = status(404);
      await believes();
    });

    it('believes the delta when the server cannot be asked', async () => {
      server.instance = status(403);
      await believes();
    });

    it('believes the delta when it has what is new', believes);
  });

  it('asks for no more than a few of what the delta adds', async () => {
    const many = Array.from({ length: 21 }, (_, index) => at(1000, `b${index}`));
    server.full = json(listing({ A: [at(0, 'a1')] }));
    delta('1', 'UP_22_', ...many);
    await begin();
    assert.equal(ids()?.length, 22);
    assert.deepEqual(
      server.paths.filter((path) => path.includes('/A/')),
      [],
    );
  });
});
