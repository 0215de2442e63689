import { describeScale } from '../scale.js';
import { type FanOut, type FanOutFigures, measureFanOut } from './fan-out.js';
import { type FromZookeeperFigures, measureFromZookeeper, pauseMs, repeats, warmUps } from './from-zookeeper.js';
import { buildPrograms } from './peers.js';
import { measureStorm, type Storm, type StormResult } from './storm.js';

const fanOut: FanOut = { services: 10_000, instances: 10, streams: 1000, names: 50, changes: 100 };
const large: FanOut = { services: 10, instances: 10_000, streams: 1, names: 1, changes: 100 };
const storm: Storm = { services: 10_000, instances: 10, streams: 100, names: 50, perSecond: 1000, seconds: 30 };
/** As Envoys ask: for the endpoints of all clusters. */
const wholeStorm: Storm = { ...storm, names: 10_000 };

const fanOutRuns = 3;

const scales = [
  { services: 1000, instances: 10 },
  { services: 10_000, instances: 10 },
];
const changes = 100;

/** Measures the xds sink, in part beside go-control-plane. @returns Markdown */
export async function measureXds(say: (line: string) => void): Promise<string> {
  say('xDS: building the peer');
  await buildPrograms();
  const both = async (scale: FanOut) => {
    const go = await measureFanOut('go', scale);
    return { go, own: await measureFanOut('isthmus', scale) };
  };
  const many: Pair[] = [];
  for (let run = 1; run <= fanOutRuns; run++) {
    say(`xDS: one change to 1,000 streams, ${run} of ${fanOutRuns}`);
    many.push(await both(fanOut));
  }
  say('xDS: one instance of 10,000');
  const one = await both(large);
  say('xDS: a storm');
  const few = await measureStorm(storm);
  say('xDS: a storm, clients of everything');
  const whole = await measureStorm(wholeStorm);
  const registry: FromZookeeperFigures[] = [];
  for (const scale of scales) {
    say(`xDS: ZooKeeper, ${describeScale(scale)}`);
    registry.push(await measureFromZookeeper(scale, changes, say));
  }
  return `${report(many, one, few, whole)}\n${reportRegistry(registry)}`;
}

function reportRegistry(runs: readonly FromZookeeperFigures[]): string {
  const [small, large] = runs.map(({ cpuMsPerChange }) => cpuMsPerChange.inARow);
  const row = (name: string, value: (figures: FromZookeeperFigures) => string, bar: string) =>
    `| ${[name, ...runs.map(value), bar].join(' | ')} |`;
  return [
    `ZooKeeper → the built daemon → a delta client of all endpoints of a gateway, ${changes} changes; notifications are those that a`,
    'bare client in another process gets:',
    '',
    row('', ({ scale }) => describeScale(scale), 'bar at 10,000 × 10'),
    row('---', () => '---', '---'),
    row('push over the notification, p50', (f) => ms(f.overNotificationMs.p50), '≤ 3 ms'),
    row('push over the notification, p99', (f) => ms(f.overNotificationMs.p99), '≤ 15 ms'),
    row('CPU per change, one after another', (f) => ms(f.cpuMsPerChange.inARow), '≤ 1.5 ms'),
    row(`CPU per change, ${pauseMs} ms apart`, (f) => ms(f.cpuMsPerChange.apart), '≤ 1.5 ms'),
    row('warm start → all endpoints at a client', (f) => ms(f.warmStartMs), '≤ 4000 ms'),
    row('RSS with 100 such clients', (f) => mb(f.rssMb), '≤ 450 MB'),
    '',
    `CPU per change, one after another, ${scales.map(describeScale).reverse().join(' against ')}: ${((large ?? 0) / (small ?? 1)).toFixed(2)} (bar: ≤ 1.3).`,
    `Changes are measured after ${warmUps} others; those one after another, and starts, are the middle of ${repeats}.`,
    '',
  ].join('\n');
}

interface Pair {
  readonly go: FanOutFigures;
  readonly own: FanOutFigures;
}

function ratioOf({ go, own }: Pair): number {
  return own.lastMs.p50 / go.lastMs.p50;
}

function report(many: readonly Pair[], one: Pair, few: StormResult, whole: StormResult): string {
  const byRatio = [...many].sort((a, b) => ratioOf(a) - ratioOf(b));
  const middle = byRatio[Math.floor(byRatio.length / 2)] ?? one;
  const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const pairRows = ({ go, own }: Pair, bars: { readonly written: string; readonly last: string }) => [
    row('change → last response written, p50', ms(own.writtenMs ?? Number.NaN), '', bars.written),
    row('change → last client, p50', ms(own.lastMs.p50), ms(go.lastMs.p50), bars.last),
    row('change → last client, p90', ms(own.lastMs.p90), ms(go.lastMs.p90), ''),
    row('CPU per change', ms(own.cpuMsPerChange), ms(go.cpuMsPerChange), ''),
    row('RSS', mb(own.rssMb), mb(go.rssMb), ''),
  ];
  return [
    '# xDS, delta',
    '',
    'The sink on a catalog of its own (merge, conversion and encoding are measured with it), beside the linear cache of',
    "go-control-plane (bench/peers/xds), which encodes the same assignments. Clients are grpc-go's, in one more process.",
    '',
    `One change of a service of 10 instances that all of 1,000 streams ask for, each for 50 of 10,000 (${fanOut.changes} changes):`,
    '',
    row('', 'Isthmus', 'go-control-plane', 'bar'),
    row('---', '---', '---', '---'),
    ...pairRows(middle, { written: '', last: '≤ 0.5 of the peer' }),
    '',
    `Ratio: ${ratioOf(middle).toFixed(2)}, the middle of ${byRatio.map((pair) => ratioOf(pair).toFixed(2)).join(', ')}.`,
    '',
    `One instance of a service of 10,000, one client (${large.changes} changes):`,
    '',
    row('', 'Isthmus', 'go-control-plane', 'bar'),
    row('---', '---', '---', '---'),
    ...pairRows(one, { written: '≤ 10 ms', last: '' }),
    '',
    `A storm: ${storm.perSecond} changes a second for ${storm.seconds} s over 10,000 services of 10, 100 clients:`,
    '',
    row('', 'clients of 50 services', 'clients of all', 'bar'),
    row('---', '---', '---', '---'),
    row('told so late, p99', ms(few.lateP99Ms), ms(whole.lateP99Ms), ''),
    row('told so late, max', ms(few.lateMaxMs), ms(whole.lateMaxMs), '≤ 1000 ms'),
    row('event-loop delay, p99', ms(few.delayP99Ms), ms(whole.delayP99Ms), '≤ 50 ms'),
    row('RSS before', mb(few.rssBeforeMb), mb(whole.rssBeforeMb), '≤ 450 MB'),
    row('RSS after a third', mb(few.rssMb[2] ?? 0), mb(whole.rssMb[2] ?? 0), ''),
    row('RSS after two thirds', mb(few.rssMb[6] ?? 0), mb(whole.rssMb[6] ?? 0), 'as after a third'),
    row('RSS at the end', mb(few.rssMb[9] ?? 0), mb(whole.rssMb[9] ?? 0), 'as after a third'),
    row('RSS, highest', mb(Math.max(...few.rssMb)), mb(Math.max(...whole.rssMb)), ''),
    row('live memory before', mb(few.liveBeforeMb), mb(whole.liveBeforeMb), ''),
    row('live memory after', mb(few.liveAfterMb), mb(whole.liveAfterMb), 'as before'),
    row('CPU, of a core', percent(few.cpuShare), percent(whole.cpuShare), ''),
    '',
  ].join('\n');
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

function mb(value: number): string {
  return `${value.toFixed(0)} MB`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
