import { capabilitiesOf, type SampleInstance, type SourceHarness } from '../harness.js';
import { always, type SourceCheck } from '../source-check.js';
import type { SourceRun } from '../source-run.js';
import { Guard } from './guard.js';
import { type Scenario, withScenario } from './scenario.js';

/** No event may lose an instance that the registry still holds. */
function noLoss(run: SourceRun, scenario: Scenario): Guard {
  // What was registered a moment ago may have an event of something else come before its own: it is not lost by that.
  const missingNow = () => new Set(scenario.losses(run.recorder.services));
  const publishedBut = (missing: ReadonlySet<string>) =>
    new Set(scenario.losses(new Map()).filter((line) => !missing.has(line)));
  let published = publishedBut(missingNow());
  return new Guard(run, (event) => {
    const missing = missingNow();
    const losses = [...missing].filter((line) => published.has(line));
    published = publishedBut(missing);
    return losses.length > 0 ? `${event.kind} lost an instance that is registered:\n${losses.join('\n')}` : undefined;
  });
}

const addition: SourceCheck = {
  name: 'publishes an instance and a service that are added',
  contract: 'a change in the registry is published without being asked for, the other instances untouched.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.put('orders', scenario.sample(0));
      const run = await scenario.startSynced();
      const guard = noLoss(run, scenario);
      await scenario.put('orders', scenario.sample(1));
      await scenario.converged(run, 'an added instance');
      await scenario.put('stock', scenario.sample(2));
      await scenario.converged(run, 'an added service');
      await scenario.put('stock', scenario.sample(3));
      await scenario.converged(run, 'an instance added to a service that was not there at the start');
      guard.verify('addition');
      await run.stop();
    }),
};

/** Changes one of two instances and wants the change published, under the same id, the other instance untouched. */
async function playChange(harness: SourceHarness, what: string, changes: readonly Partial<SampleInstance>[]) {
  await withScenario(harness, async (scenario) => {
    await scenario.put('orders', scenario.sample(0));
    await scenario.put('orders', scenario.sample(1));
    const run = await scenario.startSynced();
    const { id } = scenario.instance(run, 'orders', scenario.sample(0));
    const other = new Guard(run, (event) => {
      const instances = run.recorder.services.get(scenario.published('orders'))?.instances ?? [];
      const { address } = scenario.sample(1);
      return instances.some((instance) => instance.address === address)
        ? undefined
        : `${event.kind} lost the instance that did not change`;
    });
    for (const change of changes) {
      await scenario.put('orders', scenario.sample(0, change));
      await scenario.converged(run, `a change of ${what}`);
      const now = scenario.instance(run, 'orders', scenario.sample(0));
      if (now.id !== id) {
        throw new Error(`the id of the instance changed with its ${what}: ${id} became ${now.id}`);
      }
    }
    other.verify(`change of ${what}`);
    await run.stop();
  });
}

const identity =
  'an id names the instance, not its present state: it stays through a change, so that connections and statistics do too.';

const weightChange: SourceCheck = {
  name: 'publishes a change of weight',
  contract: `weights follow the registry, 100 being its ordinary weight; ${identity}`,
  applies: (harness) => capabilitiesOf(harness).weights,
  run: (harness) => playChange(harness, 'weight', [{ weight: 50 }, { weight: 300 }, { weight: 0 }, { weight: 100 }]),
};

const metadataChange: SourceCheck = {
  name: 'publishes a change of metadata',
  contract: `metadata follow the registry; ${identity}`,
  applies: (harness) => capabilitiesOf(harness).metadata,
  run: (harness) =>
    playChange(harness, 'metadata', [
      { metadata: { version: 'v2', zone: 'z1' } },
      { metadata: { version: 'v2-β', zone: 'z 2' } },
    ]),
};

const healthChange: SourceCheck = {
  name: 'publishes a change of health, and keeps an unhealthy instance as unhealthy',
  contract: `an instance that is registered and must take no traffic is published with its health; ${identity}`,
  applies: (harness) => capabilitiesOf(harness).health,
  run: (harness) => playChange(harness, 'health', [{ healthy: false }, { healthy: true }]),
};

const removal: SourceCheck = {
  name: 'publishes the removal of one instance, and only of that one',
  contract: 'what the registry says is gone is gone from the next publication of its service; what stays, stays.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      for (const index of [0, 1, 2]) await scenario.put('orders', scenario.sample(index));
      await scenario.put('stock', scenario.sample(3));
      const run = await scenario.startSynced();
      const guard = noLoss(run, scenario);
      await scenario.remove('orders', scenario.sample(1));
      await scenario.converged(run, 'the removal of an instance');
      await scenario.remove('orders', scenario.sample(0));
      await scenario.converged(run, 'the removal of a second instance');
      guard.verify('removal');
      await run.stop();
    }),
};

const lastRemoval: SourceCheck = {
  name: 'publishes the removal of the last instance, and its return',
  contract:
    'the last instance going is an event like any other: publish the service with no instances, or remove it when the ' +
    'registry says that it is gone. A service that comes back is published again.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.put('orders', scenario.sample(0));
      await scenario.put('stock', scenario.sample(1));
      const run = await scenario.startSynced();
      const guard = noLoss(run, scenario);
      for (const index of [0, 2]) {
        await scenario.remove('orders', scenario.sample(index));
        await scenario.converged(run, 'the removal of the last instance');
        await scenario.put('orders', scenario.sample(2));
        await scenario.converged(run, 'the return of a service that had no instance left');
      }
      guard.verify('removal of the last instance');
      await run.stop();
    }),
};

const burst: SourceCheck = {
  name: 'ends a burst of changes in the state of the registry',
  contract: 'events may be coalesced, and never lost: when the registry rests, what is published is what it holds.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      const names = ['orders', 'stock', 'users'];
      for (const [index, name] of names.entries()) await scenario.put(name, scenario.sample(100 * index));
      const run = await scenario.startSynced();
      for (let round = 1; round <= 6; round++) {
        await Promise.all(names.map((name, index) => scenario.put(name, scenario.sample(100 * index + round))));
        if (round % 2 === 0) {
          await Promise.all(
            names.map((name, index) => scenario.remove(name, scenario.sample(100 * index + round - 1))),
          );
        }
      }
      await scenario.converged(run, 'the state after a burst of changes');
      await run.stop();
    }),
};

export const changeChecks: readonly SourceCheck[] = [
  addition,
  weightChange,
  metadataChange,
  healthChange,
  removal,
  lastRemoval,
  burst,
];
