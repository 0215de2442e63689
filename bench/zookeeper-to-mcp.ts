import { setTimeout as delay } from 'node:timers/promises';
import { pickPorts } from '../test/servers/ports.js';
import { startZookeeper } from '../test/servers/zookeeper.js';
import { Daemon } from './daemon.js';
import { countResources, McpReader } from './mcp-reader.js';
import { cpuMs, memoryMb } from './process-stat.js';
import { quantile } from './quantiles.js';
import { idleCpuPerMs, settled } from './resting.js';
import { describeScale, type Scale } from './scale.js';
import { ZookeeperWriter } from './zookeeper-writer.js';

export interface Figures {
  readonly scale: Scale;
  /** Start of the process → the last byte of the first complete answer. */
  readonly firstAnswerMs: number;
  /** Write to ZooKeeper → the last byte of the push that shows it. */
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly maxMs: number;
  readonly cpuMsPerChange: number;
  readonly bytesPerChange: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
  readonly changes: number;
}

const starts = 3;
const warmUps = 10;
/** Between two changes: far enough apart that no two share a push. */
const pauseMs = 100;

/** Seeds a real ZooKeeper, runs the daemon on it, reads what istiod would. */
export async function measureZookeeperToMcp(
  scale: Scale,
  changes: number,
  say: (line: string) => void,
): Promise<Figures> {
  const zookeeper = await startZookeeper();
  const writer = await ZookeeperWriter.connect(zookeeper.address);
  try {
    say(`seeding ${describeScale(scale)}`);
    await writer.seed(scale, (done) => say(`  ${done} services`));
    const firstAnswers: number[] = [];
    for (let start = 1; start < starts; start++) {
      const { daemon, reader, firstAnswerMs } = await startAndRead(zookeeper.address, scale);
      firstAnswers.push(firstAnswerMs);
      reader.close();
      await daemon.stop();
    }
    const { daemon, reader, firstAnswerMs } = await startAndRead(zookeeper.address, scale);
    firstAnswers.push(firstAnswerMs);
    say(`first complete answers after ${firstAnswers.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    await settled(daemon);
    const figures = await measureChanges(writer, reader, daemon, scale, changes);
    reader.close();
    await daemon.stop();
    return { scale, firstAnswerMs: quantile(firstAnswers, 0.5), changes, ...figures };
  } finally {
    writer.close();
    await zookeeper.stop();
  }
}

async function startAndRead(zookeeper: string, scale: Scale) {
  const [mcp = 0, api = 0] = await pickPorts(2);
  const daemon = new Daemon(
    (dir) => `
site: bench
api: { listen: "127.0.0.1:${api}" }
data: ${JSON.stringify(dir)}
log: { level: warn }
sources:
  - { name: dubbo, kind: zookeeper, servers: ["${zookeeper}"], dubbo: { root: /dubbo } }
sinks:
  - { kind: mcp, listen: "127.0.0.1:${mcp}" }
`,
  );
  const deadlineMs = performance.now() + 120_000;
  for (;;) {
    const reader = new McpReader(`127.0.0.1:${mcp}`);
    try {
      const response = await reader.next((bytes) => countResources(bytes) === scale.services, 60_000);
      return { daemon, reader, firstAnswerMs: response.atMs - daemon.startedMs };
    } catch (error) {
      reader.close();
      if (performance.now() > deadlineMs || daemon.pid === 0) throw error;
      await delay(10);
    }
  }
}

async function measureChanges(
  writer: ZookeeperWriter,
  reader: McpReader,
  daemon: Daemon,
  scale: Scale,
  changes: number,
) {
  const times: number[] = [];
  let bytes = 0;
  let cpuBefore = 0;
  let cpuIdle = 0;
  for (let change = -warmUps; change < changes; change++) {
    if (change === 0) {
      cpuIdle = await idleCpuPerMs(daemon);
      cpuBefore = cpuMs(daemon.pid);
    }
    const number = change + warmUps;
    const service = (number * 7919) % scale.services;
    const address = `10.254.${number >> 8}.${number & 255}`;
    const marker = Buffer.from(`${address}`);
    const pushed = reader.next((response) => response.includes(marker), 30_000);
    const sentMs = performance.now();
    await writer.add(service, address);
    const response = await pushed;
    if (change >= 0) {
      times.push(response.atMs - sentMs);
      bytes += response.bytes.length;
    }
    await delay(pauseMs);
  }
  const spentMs = times.reduce((sum, ms) => sum + ms + pauseMs, 0);
  const cpu = cpuMs(daemon.pid) - cpuBefore - cpuIdle * spentMs;
  const { rss, peak } = memoryMb(daemon.pid);
  return {
    p50Ms: quantile(times, 0.5),
    p90Ms: quantile(times, 0.9),
    maxMs: Math.max(...times),
    cpuMsPerChange: cpu / changes,
    bytesPerChange: bytes / changes,
    rssMb: rss,
    peakRssMb: peak,
  };
}
