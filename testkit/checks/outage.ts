import { setTimeout as delay } from 'node:timers/promises';
import { capabilitiesOf } from '../harness.js';
import { canStop, type SourceCheck } from '../source-check.js';
import type { SourceRun } from '../source-run.js';
import { Guard } from './guard.js';
import { type Scenario, withScenario } from './scenario.js';

/** Waits for the source to say that reading fails: degraded, or a run that rejects. `from`: events before do not count. */
async function noticed(run: SourceRun, scenario: Scenario, from: number): Promise<void> {
  await run.recorder.waitFor(
    ({ events }) => events.slice(from).some(({ kind }) => kind === 'degraded' || kind === 'failed'),
    {
      what: 'the source to say that the registry is unreachable (degraded, or a rejected run)',
      deadlineMs: scenario.deadlineMs,
    },
  );
}

const failureIsNoRemoval: SourceCheck = {
  name: 'removes nothing and says that it is degraded when the registry is unreachable, and recovers',
  contract:
    'a failed read is never a removal: what was read last stays published, and degraded is called at once (or the run ' +
    'rejects). When the registry is back, it is listed anew and followed again.',
  applies: canStop,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      await scenario.put('orders', scenario.sample(150));
      const run = await scenario.startSynced();
      const guard = new Guard(run, (event) => {
        const losses = scenario.losses(run.recorder.services);
        return losses.length > 0 ? `${event.kind} lost what was published:\n${losses.join('\n')}` : undefined;
      });
      for (const round of [1, 2]) {
        const from = run.recorder.events.length;
        await scenario.outage();
        await noticed(run, scenario, from);
        await delay(scenario.outageMs);
        await scenario.restore();
        await scenario.converged(run, `the source to recover from outage ${round}`);
        await scenario.put('orders', scenario.sample(150 + round));
        await scenario.converged(run, `a change after outage ${round}`);
      }
      guard.verify('outage');
      await scenario.remove('orders', scenario.sample(150));
      await scenario.converged(run, 'a removal after the outages');
      await run.stop();
    }),
};

const changesDuringOutage: SourceCheck = {
  name: 'publishes after an outage what changed during it',
  contract: 'after a reconnect everything is listed anew: events that were missed are made up for, removals included.',
  applies: (harness) => canStop(harness) && capabilitiesOf(harness).writesDuringOutage,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      for (const index of [0, 1]) await scenario.put('orders', scenario.sample(index));
      await scenario.put('stock', scenario.sample(2));
      await scenario.put('gone', scenario.sample(3));
      const run = await scenario.startSynced();
      const from = run.recorder.events.length;
      await scenario.outage();
      await noticed(run, scenario, from);
      await scenario.remove('orders', scenario.sample(0));
      await scenario.put('stock', scenario.sample(2, { weight: 70, metadata: { version: 'v2', zone: 'z1' } }));
      await scenario.remove('gone', scenario.sample(3));
      await scenario.put('new', scenario.sample(4));
      await scenario.restore();
      await scenario.converged(run, 'what changed during the outage');
      await run.stop();
    }),
};

const startsInOutage: SourceCheck = {
  name: 'publishes nothing and says why while the registry is unreachable from the start, then lists it',
  contract:
    'an unreachable registry is not an empty one: no replaceAll until everything was read. The failure is reported and ' +
    'retried for as long as it takes.',
  applies: canStop,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      await scenario.outage();
      const run = await scenario.createRun();
      const guard = new Guard(run, ({ kind }) =>
        kind === 'replaceAll' || kind === 'upsert' || kind === 'remove'
          ? `${kind} with no registry to read`
          : undefined,
      );
      await noticed(run, scenario, 0);
      await delay(scenario.outageMs);
      guard.verify('registry unreachable from the start');
      await scenario.restore();
      await scenario.converged(run, 'the first listing after a late start of the registry');
      await run.stop();
    }),
};

export const outageChecks: readonly SourceCheck[] = [failureIsNoRemoval, changesDuringOutage, startsInOutage];
