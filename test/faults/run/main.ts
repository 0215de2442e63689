import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Bed } from '../bed/bed.js';
import { describeStep, type Plan, planOf } from '../plan/plan.js';
import { replays } from '../replays/index.js';
import { writeReport } from '../report/write-report.js';
import type { RunResult } from './result.js';
import { PlanRun } from './run-plan.js';
import { sideBySide } from './side-by-side.js';
import { Trace } from './trace.js';

/**
 * Runs the fault matrix:
 *
 *   npm run test:faults -- --seeds 1-50     the runs of these seeds, and writes docs/faults.md
 *   npm run test:faults -- --seed 7         one of them, line by line
 *   npm run test:faults -- --seed 7 --plan  what it would do
 *   npm run test:faults -- --seeds 1-50 --long   faults of 30 s where they else last 6 s
 *   npm run test:faults -- --at-once 1      one run at a time; else two, on different registries
 *   npm run test:faults -- --replay NAME    a plan of test/faults/replays
 *   npm run test:faults -- --report 1-50    writes docs/faults.md from the last run of each
 */
const folder = fileURLToPath(new URL('../../../.cache/faults', import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1-50' },
      seed: { type: 'string' },
      replay: { type: 'string' },
      report: { type: 'string' },
      plan: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      'at-once': { type: 'string', default: '2' },
    },
  });
  mkdirSync(folder, { recursive: true });
  if (values.report !== undefined) {
    writeReport(seedsOf(values.report).flatMap(stored));
    return 0;
  }
  if (values.replay !== undefined) return exitCodeOf(await runPlans([replayOf(values.replay)], 1, true));
  const seeds = values.seed === undefined ? seedsOf(values.seeds) : [Number(values.seed)];
  const plans = seeds.map((seed) => planOf(seed, { isLong: values.long }));
  if (values.plan) {
    for (const plan of plans) printPlan(plan);
    return 0;
  }
  const results = await runPlans(plans, Number(values['at-once']), values.seed !== undefined);
  if (values.seed === undefined) writeReport(results);
  return exitCodeOf(results);
}

function exitCodeOf(results: readonly RunResult[]): number {
  return results.some(({ violations, trouble }) => violations.length > 0 || trouble !== undefined) ? 1 : 0;
}

function replayOf(name: string): Plan {
  const replay = replays.find((known) => known.name === name);
  if (!replay) throw new Error(`no replay "${name}"; there are ${replays.map((known) => known.name).join(', ')}`);
  return replay.plan;
}

async function runPlans(plans: readonly Plan[], atOnce: number, echo: boolean): Promise<RunResult[]> {
  const results: RunResult[] = [];
  const bed = await Bed.start({ isBuilt: true });
  try {
    await sideBySide(plans, atOnce, async (plan) => {
      const result = await PlanRun.run(plan, bed, new Trace(join(folder, `seed-${plan.seed}.log`), echo));
      results.push(result);
      writeFileSync(resultFile(plan.seed), JSON.stringify(result));
      console.log(summary(result));
    });
  } finally {
    await bed.stop();
  }
  return results.sort((one, other) => one.plan.seed - other.plan.seed);
}

function stored(seed: number): RunResult[] {
  const file = resultFile(seed);
  return existsSync(file) ? [JSON.parse(readFileSync(file, 'utf8')) as RunResult] : [];
}

function resultFile(seed: number): string {
  return join(folder, `seed-${seed}.json`);
}

function printPlan({ seed, registries, steps }: Plan): void {
  console.log(`seed ${seed} on ${registries.join(' and ')}`);
  for (const step of steps) console.log(`  ${describeStep(step)}`);
}

function summary({ plan, violations, trouble, steps, durationMs }: RunResult): string {
  const verdict = trouble === undefined ? `${violations.length} violations` : `inconclusive: ${trouble.slice(0, 300)}`;
  const first = violations[0];
  const what = first ? `\n  ${first.invariant} ${first.registry}: ${first.what}` : '';
  return `seed ${plan.seed} on ${plan.registries.join(' and ')}: ${steps.length} faults, ${verdict}, ${Math.round(durationMs / 1000)} s${what}`;
}

/** `1-50`, `7`, or several with commas. */
function seedsOf(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined) throw new Error(`seeds as 1-50 or 3,7-9, not ${text}`);
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
  });
}

process.exitCode = await main();
