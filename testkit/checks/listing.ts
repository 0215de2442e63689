import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '../recorded-event.js';
import { always, canStop, type SourceCheck } from '../source-check.js';
import type { SourceRun } from '../source-run.js';
import { Guard } from './guard.js';
import { type Scenario, withScenario } from './scenario.js';

/** Moments in a listing at which it is cut, when the harness names none. */
const defaultCutsMs = [0, 2, 5, 10, 25, 60];

const isData = (event: RecordedEvent) =>
  event.kind === 'replaceAll' || event.kind === 'upsert' || event.kind === 'remove';

const firstListing: SourceCheck = {
  name: 'publishes the complete first listing in one replaceAll',
  contract:
    'a run begins with one replaceAll of everything that the registry holds; nothing is published before it, for the ' +
    'mesh takes what it sees for the whole truth.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const run = await scenario.createRun();
      await run.recorder.waitFor(({ events }) => events.some(isData), {
        what: 'the first listing',
        deadlineMs: scenario.deadlineMs,
      });
      const first = run.recorder.events.find(isData);
      if (first?.kind !== 'replaceAll') throw new Error(`the first thing published was ${first?.kind}, not replaceAll`);
      const differences = scenario.differences(first.services);
      if (differences.length > 0) throw new Error(`the first replaceAll is not complete:\n${differences.join('\n')}`);
      await run.stop();
    }),
};

const freshAfterListing: SourceCheck = {
  name: 'is not degraded while the registry answers',
  contract: 'degraded means that reading fails now; a healthy registry leaves no scope degraded.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const run = await scenario.startSynced();
      const failed = run.recorder.events.find((event) => event.kind === 'degraded' || event.kind === 'failed');
      if (failed)
        throw new Error(`the registry answers, and the source says that it fails\n${run.recorder.describe()}`);
      await run.stop();
    }),
};

/** Never a word before the listing is whole, and never less than the whole after. */
function completeness(run: SourceRun, scenario: Scenario): Guard {
  return new Guard(run, (event) => {
    if (!isData(event)) return undefined;
    if (!run.recorder.synced) return `${event.kind} came before the first replaceAll`;
    const losses = scenario.losses(run.recorder.services);
    return losses.length > 0 ? `${event.kind} published a part:\n${losses.join('\n')}` : undefined;
  });
}

/** Waits for the source to say that it cannot read. `from`: failures noted before that event do not count. */
async function brokenListing(run: SourceRun, scenario: Scenario, guard: Guard, from = 0): Promise<void> {
  await run.recorder.waitFor(
    ({ events }) => {
      guard.assertUnbroken('broken listing');
      return events.slice(from).some(({ kind }) => kind === 'degraded' || kind === 'failed');
    },
    {
      what: 'the source to say that its listing broke (degraded, or a rejected run)',
      deadlineMs: scenario.deadlineMs,
    },
  );
}

const noPartialListing: SourceCheck = {
  name: 'publishes nothing of a first listing that breaks in the middle',
  contract:
    'replaceAll is never a partial listing: when any part of it cannot be read, publish nothing, call degraded (or ' +
    'reject) and begin again.',
  applies: canStop,
  run: async (harness) => {
    const canArm = harness.registry.stopMidListing !== undefined;
    for (const cutMs of canArm ? [0] : (harness.cutsMs ?? defaultCutsMs)) {
      await withScenario(harness, async (scenario) => {
        await scenario.populate();
        if (canArm) await scenario.armMidListing();
        const run = await scenario.createRun();
        const guard = completeness(run, scenario);
        if (!canArm) {
          await delay(cutMs);
          await scenario.outage();
        }
        await brokenListing(run, scenario, guard);
        await scenario.restore();
        await scenario.converged(run, 'the whole listing after one that broke');
        guard.verify('broken listing');
        await run.stop();
      });
    }
  },
};

const noPartialRelisting: SourceCheck = {
  name: 'loses nothing when a listing after a reconnect breaks in the middle',
  contract:
    'the listing after a reconnect replaces everything, so it must be as whole as the first; until it is, what was ' +
    'published before stays.',
  applies: canStop,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const run = await scenario.startSynced();
      const guard = completeness(run, scenario);
      await scenario.outage();
      await brokenListing(run, scenario, guard);
      if (harness.registry.stopMidListing) {
        const from = run.recorder.events.length;
        await scenario.armMidListing();
        await brokenListing(run, scenario, guard, from);
      } else {
        for (const cutMs of harness.cutsMs ?? defaultCutsMs) {
          await scenario.restore();
          await delay(cutMs);
          await scenario.outage();
        }
      }
      await scenario.restore();
      await scenario.converged(run, 'the listing after broken reconnects');
      guard.verify('broken reconnects');
      await run.stop();
    }),
};

export const listingChecks: readonly SourceCheck[] = [
  firstListing,
  freshAfterListing,
  noPartialListing,
  noPartialRelisting,
];
