import { matrix } from '../matrix/index.js';
import type { RegistryKind } from '../registries/registry.js';
import { Random } from './random.js';

export interface Step {
  /** `Fault.id` */
  readonly fault: string;
  readonly target: RegistryKind | 'isthmus';
  readonly durationMs: number;
  /** Another fault that begins while this one lasts, and ends before it or with it. */
  readonly beside?: Omit<Step, 'beside'>;
}

/** What one run does. The same seed gives the same plan for as long as the matrix is the same. */
export interface Plan {
  readonly seed: number;
  readonly registries: readonly RegistryKind[];
  readonly steps: readonly Step[];
}

/** Two registries a run: all at once are more than a small machine can serve in time. Each kind is in two pairs. */
const pairs: readonly (readonly [RegistryKind, RegistryKind])[] = [
  ['zookeeper', 'consul'],
  ['nacos2', 'eureka'],
  ['consul', 'nacos3'],
  ['eureka', 'zookeeper'],
  ['nacos3', 'nacos2'],
  ['consul', 'eureka'],
  ['zookeeper', 'nacos2'],
];
const stepsEach = 4;
const besideShare = 0.25;
const longMs = 30_000;

/**
 * The plan of a seed. Which faults it has goes round the matrix with the seed, so that a row of seeds meets each of them;
 * their order, length and company are random.
 * @param options `isLong`: what lasts longer than a session lasts 30 s
 */
export function planOf(seed: number, options: { readonly isLong?: boolean } = {}): Plan {
  const pair = pairs[(seed - 1) % pairs.length] ?? ['zookeeper', 'consul'];
  const round = Math.floor((seed - 1) / pairs.length);
  const cells = new Random(pairs.indexOf(pair) + 1).shuffle(cellsOf(pair));
  const random = new Random(seed * 7919);
  const chosen = Array.from({ length: stepsEach }, (_, index) => cells[(round * stepsEach + index) % cells.length]);
  const steps = random
    .shuffle(chosen)
    .filter((cell) => cell !== undefined)
    .map((cell) => withCompany(toStep(cell, random), pair, random));
  return { seed, registries: pair, steps: options.isLong ? steps.map(prolonged) : steps };
}

type Cell = Pick<Step, 'fault' | 'target'> & { readonly durationsMs: readonly number[] };

function cellsOf(kinds: readonly RegistryKind[]): Cell[] {
  return matrix.flatMap(({ id, on, kinds: possible, durationsMs }): Cell[] => {
    if (on === 'isthmus') return [{ fault: id, target: on, durationsMs }];
    return kinds.filter((kind) => possible.includes(kind)).map((target) => ({ fault: id, target, durationsMs }));
  });
}

function toStep({ fault, target, durationsMs }: Cell, random: Random): Step {
  return { fault, target, durationMs: random.pick(durationsMs) };
}

/** Those that outlast a session last half a minute. */
function prolonged(step: Step): Step {
  const durationOf = (durationMs: number) => (durationMs > 3000 ? longMs : durationMs);
  const { beside } = step;
  return {
    ...step,
    durationMs: durationOf(step.durationMs),
    ...(beside && { beside: { ...beside, durationMs: durationOf(beside.durationMs) } }),
  };
}

/** Now and then a fault of the other registry, or of the daemon, joins in. */
function withCompany(step: Step, pair: readonly RegistryKind[], random: Random): Step {
  if (random.next() >= besideShare) return step;
  const others = cellsOf(pair).filter(({ fault, target }) => target !== step.target && !isAlone(step.fault, fault));
  return others.length === 0 ? step : { ...step, beside: toStep(random.pick(others), random) };
}

/**
 * Have no company: one that takes the ways to all registries away has them for itself, and what was damaged on disk, or
 * could not be written, is made up for by registries that can be read.
 */
const alone = ['own-start-alone', 'own-torn', 'own-full-disk-kill'];

function isAlone(...faults: readonly string[]): boolean {
  return alone.some((fault) => faults.includes(fault));
}

export function describeStep({ fault, target, durationMs, beside }: Step): string {
  const own = `${fault} on ${target} for ${durationMs} ms`;
  return beside ? `${own}, beside ${describeStep(beside)}` : own;
}
