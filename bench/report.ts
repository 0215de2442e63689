import { cpus, totalmem } from 'node:os';
import { describeScale } from './scale.js';
import type { Figures } from './zookeeper-to-mcp.js';

/** The bars that the figures at 10,000 × 10 are held against. */
const bars = { firstAnswerMs: 6000, p50Ms: 150, cpuMsPerChange: 60, rssMb: 600 } as const;

export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown CPU';
  const memoryGb = (totalmem() / 1e9).toFixed(0);
  return `${cpus().length} × ${model}, ${memoryGb} GB, Linux, Node.js ${process.version}`;
}

/** The table of one run, as Markdown. */
export function report(runs: readonly Figures[]): string {
  const rows: [string, (figures: Figures) => string, string][] = [
    ['start → first complete answer (median of 3)', (f) => ms(f.firstAnswerMs), `≤ ${bars.firstAnswerMs} ms`],
    ['change → push, p50', (f) => ms(f.p50Ms), `≤ ${bars.p50Ms} ms`],
    ['change → push, p90', (f) => ms(f.p90Ms), ''],
    ['change → push, max', (f) => ms(f.maxMs), ''],
    ['CPU per change', (f) => ms(f.cpuMsPerChange), `≤ ${bars.cpuMsPerChange} ms`],
    ['bytes per change', (f) => `${(f.bytesPerChange / 1e6).toFixed(2)} MB`, ''],
    ['RSS after the changes', (f) => `${f.rssMb.toFixed(0)} MB`, `≤ ${bars.rssMb} MB`],
    ['RSS, highest', (f) => `${f.peakRssMb.toFixed(0)} MB`, ''],
  ];
  const head = ['', ...runs.map(({ scale }) => describeScale(scale)), 'bar at 10,000 × 10'];
  const table = [head, head.map(() => '---'), ...rows.map(([name, value, bar]) => [name, ...runs.map(value), bar])].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
  return [
    '# ZooKeeper → MCP, state of the world, one config source',
    '',
    'One process of each: ZooKeeper, the daemon (the built `dist`), and the reader, which takes each response whole, as',
    "istiod does, and looks for the new address in it; all share the machine's cores.",
    `${runs[0]?.changes ?? 0} changes a scale, one provider added in each, after 10 that are not counted; CPU is user and system`,
    'time of the daemon less what it uses when idle.',
    '',
    ...table,
    '',
  ].join('\n');
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
