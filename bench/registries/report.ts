import { describeScale, type Scale } from '../scale.js';
import type { Quantiles, RegistryFigures } from './measure.js';

/** What the bars say: each figure, beside what it is held against. */
export function reportRegistries(runs: readonly RegistryFigures[], scale: Scale): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const head = [
    'registry',
    'write → catalog p50 / p90 / max',
    'over the notification p50 / p90 / max',
    'bar',
    'connections',
    'messages a second',
  ];
  return [
    `# Registries, change → catalog, ${describeScale(scale)}`,
    '',
    `${runs[0]?.changes ?? 0} changes, one instance added in each, after 5 that are not counted, with all services followed. The source and the catalog run in`,
    'the process of the bench. *Over the notification* is the time in the catalog less the time at which a bare client in another process',
    'is told by the registry itself of the same change (a ZooKeeper watch, a Nacos push, an answered blocking query of Consul), both by the',
    'clock that all processes share; below 0 we had it first. Connections and messages to the registry (writes of the client, which a proxy',
    `counts) are those at rest, over ${((runs[0]?.restMs ?? 0) / 1000).toFixed(0)} s, in a run of its own.`,
    '',
    row(head),
    row(head.map(() => '---')),
    ...runs.map((run) =>
      row([
        run.registry.name,
        ms(run.overWriteMs),
        run.overNotificationMs
          ? ms(run.overNotificationMs)
          : `tells nobody; since the write was answered ${ms(run.overAnswerMs)}`,
        `${run.registry.bar.text}: ${holds(run) ? 'held' : '**missed**'}`,
        `${run.connections}`,
        run.messagesPerSecond.toFixed(1),
      ]),
    ),
    '',
    ...runs.flatMap(requestsOf),
  ].join('\n');
}

function holds({ registry, overNotificationMs, overAnswerMs }: RegistryFigures): boolean {
  const value = registry.bar.measure === 'over-answer' ? overAnswerMs.max : overNotificationMs?.p50;
  return value !== undefined && value <= registry.bar.limitMs;
}

/** Eureka is polled: what it is asked for is part of its bar. */
function requestsOf({ registry, requests, restMs }: RegistryFigures): string[] {
  if (registry.kind !== 'eureka') return [];
  const counts = [...requests].map(([path, count]) => `${count} × ${path}`).join(', ');
  return [`${registry.name}, at rest in ${(restMs / 1000).toFixed(0)} s with an interval of 1 s: ${counts}.`, ''];
}

function ms({ p50, p90, max }: Quantiles): string {
  return `${[p50, p90, max].map((value) => value.toFixed(Math.abs(value) < 10 ? 1 : 0)).join(' / ')} ms`;
}
