import assert from 'node:assert/strict';
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { FakeEureka, json, status } from './fake-eureka.js';
import { instanceJson, listing } from './listing.js';
import { makeDeps, makeSource } from './make-source.js';

const started = 1_700_000_000_000;
const ended = started + 60_000;

/** What a second server says that does not know yet what the first one had told: no real one can be made to, on time. */
describe('adapters/eureka source, a server that lags behind', () => {
  let first: FakeEureka;
  let second: FakeEureka;
  let run: SourceRun | undefined;

  beforeEach(async () => {
    first = new FakeEureka();
    second = new FakeEureka();
    await Promise.all([first.start(), second.start()]);
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
    await Promise.all([first.stop(), second.stop()]);
  });

  /** With a renewal as the servers write it: by the lease's duration too late. */
  const lease = (renewed?: number) => ({
    renewalIntervalInSecs: 30,
    durationInSecs: 90,
    registrationTimestamp: started,
    lastRenewalTimestamp: renewed === undefined ? started : renewed + 90_000,
  });
  const one = (id: string, change: Readonly<Record<string, unknown>> = {}) =>
    instanceJson('A', id, { lastDirtyTimestamp: `${started}`, leaseInfo: lease(), ...change });
  const gone = (id: string, change: Readonly<Record<string, unknown>> = {}) =>
    one(id, { actionType: 'DELETED', lastUpdatedTimestamp: `${ended}`, ...change });
  const ids = (recorder: Recorder) =>
    recorder.services
      .get('A')
      ?.instances.map(({ id }) => id)
      .join();

  function start(config: Partial<Parameters<typeof makeSource>[0]> = {}, deps = makeDeps()): Recorder {
    const servers = [first.url, second.url];
    run = new SourceRun(makeSource({ servers, intervalMs: 100, requestTimeoutMs: 2000, ...config }, deps));
    return run.recorder;
  }

  /** Both servers list a1 and a2, then the first one tells that a2 is gone, and fails. */
  async function loseA2(recorder: Recorder): Promise<void> {
    first.full = json(listing({ A: [one('a1'), one('a2')] }));
    first.delta = json(listing({}, 'UP_2_'));
    await recorder.waitFor(() => ids(recorder) === 'a1,a2');
    first.delta = json(listing({ A: [gone('a2')] }, 'UP_1_'));
    await recorder.waitFor(() => ids(recorder) === 'a1');
    first.full = first.delta = status(503);
  }

  it('does not bring back what was told gone, tells so, and ends that when the server has caught up', async () => {
    second.full = json(listing({ A: [one('a1'), one('a2', { leaseInfo: lease(ended - 1000) })] }));
    second.delta = json(listing({}, 'UP_2_'));
    const recorder = start();
    await loseA2(recorder);
    await recorder.waitFor(() => recorder.notices.has('lagging server'));
    assert.match(recorder.notices.get('lagging server') ?? '', /lists 1 instances that were reported gone/);
    await second.polled(3);
    assert.equal(ids(recorder), 'a1');
    assert.equal(second.count('full'), 1, 'the hash is that of the server, with what is left out');
    second.full = json(listing({ A: [one('a1')] }));
    second.delta = json(listing({ A: [gone('a2')] }, 'UP_1_'));
    await recorder.waitFor(() => !recorder.notices.has('lagging server'));
    assert.equal(ids(recorder), 'a1');
  });

  for (const [what, change] of [
    ['has registered anew', { lastDirtyTimestamp: `${ended + 1}` }],
    [
      'has registered anew under an old time of its own',
      { leaseInfo: { ...lease(), registrationTimestamp: ended + 1 } },
    ],
    ['has renewed its lease since', { leaseInfo: lease(ended + 1) }],
  ] as const) {
    it(`takes back what ${what}`, async () => {
      second.full = json(listing({ A: [one('a1'), one('a2', change)] }));
      second.delta = json(listing({}, 'UP_2_'));
      const recorder = start();
      await loseA2(recorder);
      await recorder.waitFor(() => ids(recorder) === 'a1,a2');
      assert.equal(recorder.notices.has('lagging server'), false);
    });
  }

  it('does not bring back after a restart what an earlier process was told gone, also when that was killed', async () => {
    const deps = makeDeps();
    const recorder = start({}, deps);
    await loseA2(recorder);
    const file = join(deps.dataDir, 'tombstones.log');
    await poll(() => existsSync(file), { what: 'the file' });
    // As a kill leaves it: nothing that is written from here on counts.
    const left = `${deps.dataDir}-left`;
    cpSync(deps.dataDir, left, { recursive: true });
    await run?.stop();
    second.full = json(listing({ A: [one('a1'), one('a2')] }));
    second.delta = json(listing({}, 'UP_2_'));
    for (const dataDir of [deps.dataDir, left]) {
      const later = start({}, { ...makeDeps(), dataDir });
      await later.waitFor(({ notices }) => notices.has('lagging server'));
      assert.equal(ids(later), 'a1');
      await run?.stop();
    }
    // It has registered anew meanwhile.
    second.full = json(listing({ A: [one('a1'), one('a2', { leaseInfo: lease(ended + 1) })] }));
    const later = start({}, { ...makeDeps(), dataDir: left });
    await later.waitFor(() => ids(later) === 'a1,a2');
  });

  it('goes on when what was told gone can not be written, says so, and writes it when that is possible', async () => {
    const deps = makeDeps();
    const dataDir = join(deps.dataDir, 'taken');
    writeFileSync(dataDir, '');
    const recorder = start({}, { ...deps, dataDir });
    await loseA2(recorder);
    first.delta = json(listing({}, 'UP_1_'));
    first.full = json(listing({ A: [one('a1')] }));
    await recorder.waitFor(({ notices }) => notices.get('tombstones file')?.includes('would be forgotten') === true);
    assert.match(await deps.metrics.metrics(), /^isthmus_eureka_tombstones_up\{source="eureka-test"\} 0$/m);
    rmSync(dataDir);
    await recorder.waitFor(({ notices }) => !notices.has('tombstones file'), { deadlineMs: 30_000 });
    assert.match(await deps.metrics.metrics(), /^isthmus_eureka_tombstones_up\{source="eureka-test"\} 1$/m);
    assert.ok(existsSync(join(dataDir, 'tombstones.log')));
  });

  it('takes back in a delta what registers anew', async () => {
    second.full = json(listing({ A: [one('a1'), one('a2')] }));
    second.delta = json(listing({}, 'UP_2_'));
    const recorder = start();
    await loseA2(recorder);
    await recorder.waitFor(() => recorder.notices.has('lagging server'));
    second.delta = json(listing({ A: [one('a2', { lastDirtyTimestamp: `${ended + 5}` })] }, 'UP_2_'));
    await recorder.waitFor(() => ids(recorder) === 'a1,a2' && !recorder.notices.has('lagging server'));
  });

  it('keeps what the server has not heard of yet, though it tells of the end of an earlier registration', async () => {
    first.full = json(listing({ A: [one('a1'), one('a2', { lastDirtyTimestamp: `${ended + 5}` })] }));
    first.delta = json(listing({}, 'UP_2_'));
    second.full = json(listing({ A: [one('a1')] }));
    second.delta = json(listing({ A: [gone('a2')] }, 'UP_1_'));
    const recorder = start();
    await recorder.waitFor(() => ids(recorder) === 'a1,a2');
    first.full = first.delta = status(503);
    await recorder.waitFor(() => recorder.degradedScopes.has('missing instances'));
    await second.polled(3);
    assert.equal(ids(recorder), 'a1,a2');
  });

  it('keeps the newer state of an instance, for the grace', async () => {
    const version = (recorder: Recorder) => recorder.services.get('A')?.instances[0]?.metadata['version'];
    first.full = json(listing({ A: [one('a1', { lastDirtyTimestamp: `${ended}`, metadata: { version: '2' } })] }));
    first.delta = json(listing({}, 'UP_1_'));
    second.full = json(listing({ A: [one('a1', { metadata: { version: '1' } })] }));
    second.delta = json(listing({}, 'UP_1_'));
    const recorder = start({ missingGraceMs: 1500 });
    await recorder.waitFor(() => version(recorder) === '2');
    first.full = first.delta = status(503);
    await recorder.waitFor(() => recorder.degradedScopes.has('missing instances'));
    assert.equal(version(recorder), '2');
    await recorder.waitFor(() => version(recorder) === '1', { what: 'the grace to end' });
    await recorder.waitFor(() => recorder.degradedScopes.size === 0);
  });

  it('goes back to the first server at the next full listing', async () => {
    first.full = first.delta = status(503);
    second.full = json(listing({ A: [one('a1')] }));
    second.delta = json(listing({}, 'UP_1_'));
    const recorder = start({ fullIntervalMs: 1000 });
    await recorder.waitFor(() => ids(recorder) === 'a1');
    first.full = json(listing({ A: [one('a1'), one('a3')] }));
    first.delta = json(listing({}, 'UP_2_'));
    await recorder.waitFor(() => ids(recorder) === 'a1,a3');
    const from = second.requests.length;
    const polls = first.count('delta');
    await poll(() => first.count('delta') >= polls + 3);
    assert.equal(second.requests.length, from);
  });
});
