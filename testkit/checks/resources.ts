import { setTimeout as delay } from 'node:timers/promises';
import { activeResources, assertNoLeaks } from '../leaks.js';
import { always, canStop, type SourceCheck } from '../source-check.js';
import { withScenario } from './scenario.js';

const contract = 'a settled run leaves no timer, socket, watch or process behind.';

/** A leak grows with every run; what is opened once and kept, as a pool of the registry's writer, does not. */
const runs = 4;

const leavesNothing: SourceCheck = {
  name: 'leaves no timer, socket or handle behind',
  contract,
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const before = await activeResources();
      for (let i = 0; i < runs; i++) {
        const run = await scenario.startSynced();
        await run.stop();
      }
      await assertNoLeaks(before, { allowed: runs - 1, settleMs: Math.min(5000, scenario.deadlineMs) });
    }),
};

const leavesNothingInOutage: SourceCheck = {
  name: 'leaves no timer, socket or handle behind when aborted while the registry is unreachable',
  contract,
  applies: canStop,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const before = await activeResources();
      const synced = [];
      for (let i = 0; i < runs; i++) synced.push(await scenario.startSynced());
      await scenario.outage();
      for (let i = 0; i < runs; i++) synced.push(await scenario.createRun());
      await delay(scenario.outageMs / 2);
      for (const run of synced) await run.stop();
      await scenario.restore();
      await assertNoLeaks(before, { allowed: runs - 1, settleMs: Math.min(5000, scenario.deadlineMs) });
    }),
};

export const resourceChecks: readonly SourceCheck[] = [leavesNothing, leavesNothingInOutage];
