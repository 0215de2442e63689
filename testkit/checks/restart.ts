import { isDeepStrictEqual } from 'node:util';
import type { Service } from '../../core/model/index.js';
import { always, type SourceCheck } from '../source-check.js';
import { SourceRun } from '../source-run.js';
import { Guard } from './guard.js';
import { withScenario } from './scenario.js';

const runsAgain: SourceCheck = {
  name: 'runs again on the same object after an abort, from a whole listing',
  contract:
    'run() can be called again once it has settled, and begins anew with a whole replaceAll, whatever changed in between.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      for (const index of [0, 1]) await scenario.put('orders', scenario.sample(index));
      await scenario.put('gone', scenario.sample(2));
      const source = await harness.createSource();
      const first = new SourceRun(source);
      try {
        await scenario.converged(first, 'the first listing');
      } finally {
        await first.stop();
      }
      await scenario.remove('orders', scenario.sample(0));
      await scenario.remove('gone', scenario.sample(2));
      await scenario.put('new', scenario.sample(3));
      const second = new SourceRun(source);
      try {
        await scenario.converged(second, 'the listing of the second run');
        await scenario.put('new', scenario.sample(4));
        await scenario.converged(second, 'a change in the second run');
        await scenario.remove('orders', scenario.sample(1));
        await scenario.converged(second, 'a removal in the second run');
      } finally {
        await second.stop();
      }
    }),
};

const goesOnAfterRestart: SourceCheck = {
  name: 'lets go after a restart of what has gone meanwhile, and of nothing else, not for a moment',
  contract:
    'what was published before a restart stands for what cannot be read yet (`published()`), and for nothing that was read: ' +
    'the first listing takes away what the registry has no more.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      for (const index of [0, 1]) await scenario.put('orders', scenario.sample(index));
      await scenario.put('stock', scenario.sample(2));
      await scenario.put('gone', scenario.sample(3));
      const before = await scenario.startSynced();
      await before.stop();
      await scenario.remove('orders', scenario.sample(0));
      await scenario.remove('gone', scenario.sample(3));
      const after = await scenario.createRun(before.recorder.services.values());
      const guard = new Guard(after, () => scenario.losses(after.recorder.services)[0]);
      await scenario.converged(after, 'the listing after the restart');
      guard.verify('after the restart');
      await after.stop();
    }),
};

const sameForAll: SourceCheck = {
  name: 'publishes the same ids and records in every run and on every replica',
  contract:
    'ids and records are made of what the registry holds alone (no clock, no counter, no chance), so that replicas and ' +
    'restarts publish the very same and the mesh sees no change.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const first = await scenario.startSynced();
      await first.stop();
      const second = await scenario.startSynced();
      const replica = await scenario.startSynced();
      for (const [name, service] of first.recorder.services) {
        for (const other of [second, replica]) compare(name, service, other.recorder.services.get(name));
      }
      await second.stop();
      await replica.stop();
    }),
};

function compare(name: string, a: Service, b: Service | undefined): void {
  if (!b) return;
  const ids = (service: Service) => service.instances.map((instance) => instance.id).sort();
  if (!isDeepStrictEqual(ids(a), ids(b))) {
    throw new Error(`service ${name}: the ids of two runs differ: ${ids(a).join(', ')} and ${ids(b).join(', ')}`);
  }
  if (!isDeepStrictEqual(canonical(a), canonical(b))) {
    throw new Error(
      `service ${name}: the records of two runs differ:\n${JSON.stringify(canonical(a))}\n${JSON.stringify(canonical(b))}`,
    );
  }
}

/** Plain objects in a fixed order; what was rejected is a matter of status. */
function canonical(service: Service): unknown {
  const { rejected: _, ...rest } = service;
  const instances = [...service.instances].sort((a, b) => (a.id < b.id ? -1 : 1));
  return JSON.parse(JSON.stringify({ ...rest, instances }));
}

export const restartChecks: readonly SourceCheck[] = [runsAgain, goesOnAfterRestart, sameForAll];
