import { always, type SourceCheck } from '../source-check.js';
import { withScenario } from './scenario.js';

const soundRecords: SourceCheck = {
  name: 'publishes only records that keep the rules of core/model',
  contract:
    'names, ids and ports are unique, ports of instances are ports of the service, weights are whole, addresses valid, ' +
    'metadata are strings: see serviceProblems. A record that cannot be made so is rejected alone.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.populate();
      const run = await scenario.startSynced();
      await scenario.put('orders', scenario.sample(150, { weight: 1 }));
      await scenario.put('orders', scenario.sample(151, { weight: 0 }));
      // Right-to-left marks, letters beyond ASCII, an empty and a long value: legal in a registry, and seen in the wild.
      const metadata = { version: 'ü\u202e', zone: 'x'.repeat(400), empty: '' };
      await scenario.put('orders', scenario.sample(150, { weight: 1, metadata }));
      await run.recorder.waitFor(({ services }) => services.get(scenario.published('orders'))?.instances.length === 2, {
        what: 'two instances',
        deadlineMs: scenario.deadlineMs,
      });
      for (const index of [150, 151]) await scenario.remove('orders', scenario.sample(index));
      await scenario.converged(run, 'a service with no instances');
      await run.stop();
      const { problems } = run.recorder;
      if (problems.length > 0) throw new Error(problems.slice(0, 20).join('\n'));
    }),
};

const attributes: SourceCheck = {
  name: 'gives every service the attribute `name`',
  contract: 'naming templates use attributes; every adapter gives at least `name`, and documents the rest.',
  applies: always,
  run: (harness) =>
    withScenario(harness, async (scenario) => {
      await scenario.put('orders', scenario.sample(0));
      const run = await scenario.startSynced();
      for (const service of run.recorder.services.values()) {
        if (!service.attributes['name']) throw new Error(`service ${service.name} has no attribute \`name\``);
      }
      await run.stop();
    }),
};

export const modelChecks: readonly SourceCheck[] = [soundRecords, attributes];
