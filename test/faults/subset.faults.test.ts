import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bed } from './bed/bed.js';
import { describeStep, type Plan, planOf } from './plan/plan.js';
import { replays } from './replays/index.js';
import { PlanRun } from './run/run-plan.js';
import { Trace } from './run/trace.js';

/** Beside the replays: four kinds of registry and each kind of fault; `npm run test:faults` runs many more. */
const seeds = [6, 7];

describe('no fault makes the catalog wrong', function () {
  this.timeout(280_000);
  let bed: Bed;
  let dir: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'isthmus-faults-'));
    bed = await Bed.start();
  });
  after(async () => {
    await bed?.stop();
    rmSync(dir, { recursive: true });
  });

  async function run(plan: Plan): Promise<void> {
    const { violations, trouble } = await PlanRun.run(plan, bed, new Trace(join(dir, `${plan.seed}.log`), false));
    assert.deepEqual(violations, []);
    assert.equal(trouble, undefined);
  }

  for (const { name, found, plan } of replays) it(`${name}: no more that ${found}`, () => run(plan));

  for (const plan of seeds.map((seed) => planOf(seed))) {
    const what = `${plan.registries.join(' and ')}: ${plan.steps.map(describeStep).join('; ')}`;
    it(`seed ${plan.seed} on ${what}`, () => run(plan));
  }
});
