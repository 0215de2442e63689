import type { Violation } from '../ledger/violation.js';
import { registryKinds } from '../registries/registry.js';
import type { RunResult } from '../run/result.js';
import { ms, quantile, ratio, table } from './markdown.js';

const invariants = ['I1', 'I2', 'I3', 'I4'] as const;

/** How often each invariant was broken. */
export function verdicts(results: readonly RunResult[]): string {
  const violations = results.flatMap((result) => result.violations);
  const rows = invariants.map((invariant) => {
    const found = violations.filter((violation) => violation.invariant === invariant);
    return [invariant, `${found.length}`, found[0] ? example(found[0]) : ''];
  });
  return table(['invariant', 'violations', 'the first'], rows);
}

function example({ registry, what }: Violation): string {
  return `${registry}: ${what.replaceAll('|', '\\|').slice(0, 160)}`;
}

/** I1: the time from the heal to agreement. Steps with more than one fault count for each registry touched. */
export function convergence(results: readonly RunResult[]): string {
  const steps = results.flatMap((result) => result.steps);
  const targets = [...registryKinds, 'isthmus'] as const;
  const rows = targets.map((target) => {
    const times = steps.filter(({ step }) => step.target === target).flatMap(({ convergedMs }) => convergedMs ?? []);
    return [target, `${times.length}`, ms(quantile(times, 0.5)), ms(quantile(times, 0.9)), ms(quantile(times, 1))];
  });
  return table(['fault on', 'heals', 'median', 'p90', 'longest'], rows);
}

/** I3 and I8: changes on healthy paths, with and without another registry under a fault. */
export function latencies(results: readonly RunResult[]): string {
  const all = results.flatMap((result) => result.latencies);
  const rows = registryKinds.map((kind) => {
    const own = all.filter(({ registry }) => registry === kind);
    const removals = own.filter(({ change }) => change === 'removal').map(({ ms: time }) => time);
    const calm = own.filter(({ besideFault }) => !besideFault).map(({ ms: time }) => time);
    const beside = own.filter(({ besideFault }) => besideFault).map(({ ms: time }) => time);
    return [
      ...[kind, `${removals.length}`, ms(quantile(removals, 0.5)), ms(quantile(removals, 0.99))],
      ...[`${calm.length}`, ms(quantile(calm, 0.5)), ms(quantile(calm, 0.99))],
      ...[`${beside.length}`, ms(quantile(beside, 0.5)), ms(quantile(beside, 0.99))],
      ...[ratio(quantile(beside, 0.5), quantile(calm, 0.5)), ratio(quantile(beside, 0.99), quantile(calm, 0.99))],
    ];
  });
  const head = ['registry', 'removals', 'median', 'p99', 'changes in calm', 'median', 'p99'];
  return table([...head, 'beside a fault', 'median', 'p99', 'ratio of medians', 'ratio of p99'], rows);
}

/** I9: what the daemon says of itself, against what it said before the first fault of its run. */
export function bounds(results: readonly RunResult[]): string {
  const runs = results.flatMap(({ before, samples }) => (before && samples.length > 0 ? [{ before, samples }] : []));
  const rss = runs.map(({ before, samples }) => Math.max(...samples.map(({ rssBytes }) => rssBytes)) / before.rssBytes);
  const fds = runs.map(({ before, samples }) => (samples.at(-1)?.openFds ?? 0) - before.openFds);
  const delays = runs.flatMap(({ samples }) => samples.map(({ loopDelayP99Ms }) => loopDelayP99Ms));
  const times = (value: number | undefined) => (value === undefined ? '-' : `${value.toFixed(2)} ×`);
  const count = (value: number | undefined) => (value === undefined ? '-' : `${value}`);
  return table(
    ['bound', 'median', 'p90', 'highest', 'wanted'],
    [
      [
        'highest memory of a run',
        times(quantile(rss, 0.5)),
        times(quantile(rss, 0.9)),
        times(quantile(rss, 1)),
        '≤ 1.5 ×',
      ],
      [
        'file descriptors, end less start',
        count(quantile(fds, 0.5)),
        count(quantile(fds, 0.9)),
        count(quantile(fds, 1)),
        'flat',
      ],
      [
        'event-loop delay, p99 of 2 s',
        ms(quantile(delays, 0.5)),
        ms(quantile(delays, 0.9)),
        ms(quantile(delays, 1)),
        '≤ 100 ms',
      ],
    ],
  );
}
