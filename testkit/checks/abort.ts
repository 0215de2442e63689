import { setTimeout as delay } from 'node:timers/promises';
import { Recorder } from '../recorder.js';
import { always, canStop, type SourceCheck } from '../source-check.js';
import { settleMs } from '../source-run.js';
import { withScenario } from './scenario.js';

const contract = 'run() settles within a second after its signal aborts, whatever it is in the middle of.';

const abortWhileWatching: SourceCheck = {
  name: 'settles within a second when aborted while it watches',
  contract,
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const run = await scenario.startSynced();
      await run.stop();
    }),
};

const abortWhileListing: SourceCheck = {
  name: 'settles within a second when aborted in the middle of its first listing',
  contract,
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      for (const afterMs of [0, 1, 5, 20]) {
        const run = await scenario.createRun();
        await delay(afterMs);
        await run.stop();
      }
    }),
};

const abortBeforeRun: SourceCheck = {
  name: 'settles at once and publishes nothing when its signal is aborted before it runs',
  contract: 'a signal that is aborted already starts nothing.',
  applies: always,
  run: async (harness) => {
    const source = await harness.createSource();
    const recorder = new Recorder();
    const overdue = new AbortController();
    const run = source.run(recorder, AbortSignal.abort(new Error('aborted before the run'))).catch(() => undefined);
    const late = delay(settleMs, 'late', { signal: overdue.signal }).catch(() => 'settled');
    const outcome = await Promise.race([run, late]);
    overdue.abort();
    if (outcome === 'late') throw new Error(`run() has not settled after ${settleMs} ms`);
    const published = recorder.events.some(({ kind }) => kind !== 'degraded' && kind !== 'recovered');
    if (published) throw new Error(`something was published\n${recorder.describe()}`);
  },
};

const abortInOutage: SourceCheck = {
  name: 'settles within a second when aborted while the registry is unreachable',
  contract: `${contract} A back-off or a connection attempt is no excuse.`,
  applies: canStop,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const synced = await scenario.startSynced();
      await scenario.outage();
      const unsynced = await scenario.createRun();
      await delay(scenario.outageMs / 2);
      await synced.stop();
      await unsynced.stop();
    }),
};

const inertAfterAbort: SourceCheck = {
  name: 'publishes nothing after its run has settled',
  contract: 'a settled run is over: no watch, timer or answer on its way may call the output again.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.put('orders', scenario.sample(0));
      const run = await scenario.startSynced();
      const pending = scenario.put('orders', scenario.sample(1));
      await run.stop();
      await pending;
      await scenario.put('orders', scenario.sample(2));
      await scenario.put('stock', scenario.sample(3));
      await delay(scenario.outageMs / 2);
      const { late } = run.recorder;
      if (late.length > 0) throw new Error(`called after the run had settled: ${late.join(', ')}`);
    }),
};

export const abortChecks: readonly SourceCheck[] = [
  abortWhileWatching,
  abortWhileListing,
  abortBeforeRun,
  abortInOutage,
  inertAfterAbort,
];
