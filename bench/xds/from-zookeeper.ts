import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pickPorts } from '../../test/servers/ports.js';
import { startZookeeper } from '../../test/servers/zookeeper.js';
import { Daemon } from '../daemon.js';
import { cpuMs, memoryMb } from '../process-stat.js';
import { quantile } from '../quantiles.js';
import { Reference } from '../registries/reference-process.js';
import { idleCpuPerMs, settled } from '../resting.js';
import { interfaceName, type Scale } from '../scale.js';
import { ZookeeperWriter } from '../zookeeper-writer.js';
import { DeltaReader } from './delta-reader.js';
import { providersPath, RegistryChanges } from './registry-changes.js';

export interface FromZookeeperFigures {
  readonly scale: Scale;
  /** ZooKeeper's notification, as a bare client gets it → the delta push; negative: the push came first. */
  readonly overNotificationMs: { readonly p50: number; readonly p99: number };
  readonly cpuMsPerChange: {
    /** Each when the client has been told of the one before. */
    readonly inARow: number;
    /** {@link pauseMs} after that: a core that has slept goes through the same code more slowly. */
    readonly apart: number;
  };
  /** Start of a process that has the catalog on disk → all endpoints are at a client. */
  readonly warmStartMs: number;
  /** With 100 clients that have all endpoints. */
  readonly rssMb: number;
}

const gateway = 'edge';
const changedServices = 20;
/** As many changes as a daemon has seen after an hour or a day: until then its code is being compiled, again and again. */
export const warmUps = 5000;
const clients = 100;
export const pauseMs = 100;
const changesInARow = 1000;
/** Of which the middle one counts. */
export const repeats = 3;

/** A real ZooKeeper, the built daemon as the control plane of a gateway, and clients that read endpoints as Envoys do. */
export async function measureFromZookeeper(
  scale: Scale,
  changes: number,
  say: (line: string) => void,
): Promise<FromZookeeperFigures> {
  const zookeeper = await startZookeeper();
  const writer = await ZookeeperWriter.connect(zookeeper.address);
  const data = mkdtempSync(join(tmpdir(), 'isthmus-bench-'));
  let running: Daemon | undefined;
  try {
    await writer.seed(scale, (done) => say(`  ${done} services`));
    const all = Array.from({ length: scale.services }, (_, service) => clusterOf(service));
    const first = await start(zookeeper.address, data, all);
    running = first.daemon;
    // What is on disk is written by then.
    await settled(first.daemon);
    const measured = await measureChanges(writer, zookeeper.address, first, scale, changes);
    const others: DeltaReader[] = [];
    for (let client = 1; client < clients; client++) {
      const reader = new DeltaReader(first.address, gateway, all);
      others.push(reader);
      await reader.has(all.length);
    }
    await settled(first.daemon);
    const { rss } = memoryMb(first.daemon.pid);
    for (const reader of [first.reader, ...others]) reader.close();
    await first.daemon.stop();
    const starts: number[] = [];
    for (let run = 0; run < repeats; run++) {
      const again = await start(zookeeper.address, data, all);
      running = again.daemon;
      again.reader.close();
      starts.push(again.firstAnswerMs);
      await again.daemon.stop();
    }
    return { scale, ...measured, warmStartMs: quantile(starts, 0.5), rssMb: rss };
  } finally {
    await running?.stop();
    writer.close();
    await zookeeper.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

function clusterOf(service: number): string {
  return `${gateway}/${interfaceName(service).toLowerCase()}.dubbo:20880`;
}

interface Started {
  readonly daemon: Daemon;
  readonly reader: DeltaReader;
  readonly address: string;
  readonly firstAnswerMs: number;
}

async function start(zookeeper: string, data: string, names: readonly string[]): Promise<Started> {
  const [xds = 0, api = 0] = await pickPorts(2);
  const address = `127.0.0.1:${xds}`;
  const daemon = new Daemon(
    () => `
site: bench
api: { listen: "127.0.0.1:${api}" }
data: ${JSON.stringify(data)}
log: { level: warn }
sources:
  - { name: dubbo, kind: zookeeper, servers: ["${zookeeper}"], dubbo: { root: /dubbo } }
sinks:
  - kind: xds
    listen: "${address}"
    gateways:
      - { name: ${gateway}, listeners: [{ name: dubbo, protocol: dubbo, listen: "127.0.0.1:20880" }] }
`,
  );
  const deadlineMs = performance.now() + 120_000;
  for (;;) {
    const reader = new DeltaReader(address, gateway, names);
    try {
      await reader.has(names.length);
      return { daemon, reader, address, firstAnswerMs: performance.now() - daemon.startedMs };
    } catch (error) {
      reader.close();
      if (performance.now() > deadlineMs || daemon.pid === 0) throw error;
      await delay(10);
    }
  }
}

async function measureChanges(
  writer: ZookeeperWriter,
  zookeeper: string,
  { daemon, reader }: Started,
  scale: Scale,
  changes: number,
) {
  const services = Array.from({ length: changedServices }, (_, index) => (index * 7919) % scale.services);
  const reference = await Reference.start(['zookeeper', zookeeper, ...services.map(providersPath)]);
  const registry = new RegistryChanges({ writer, reader, reference, services, nameOf: clusterOf });
  try {
    for (let change = 0; change < warmUps; change += 2) await registry.comeAndGo(0);
    await settled(daemon);
    const idle = await idleCpuPerMs(daemon);
    const inARow: number[] = [];
    for (let run = 0; run < repeats; run++) {
      const cpu = await cpuOf(daemon, idle, async () => {
        for (let change = 0; change < changesInARow; change += 2) await registry.comeAndGo(0);
      });
      inARow.push(cpu / changesInARow);
    }
    // Some rests of 8 s after work, V8 collects several times, to give memory back: that is of the work before.
    await delay(60_000);
    await settled(daemon);
    const times: number[] = [];
    const apart = await cpuOf(daemon, idle, async () => {
      for (let change = 0; change < 2 * changes; change += 2) times.push(await registry.comeAndGo(pauseMs));
    });
    return {
      overNotificationMs: { p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
      cpuMsPerChange: { inARow: quantile(inARow, 0.5), apart: apart / (2 * changes) },
    };
  } finally {
    await reference.stop();
  }
}

/** CPU time over what the daemon takes when nothing happens, in milliseconds. */
async function cpuOf(daemon: Daemon, idlePerMs: number, work: () => Promise<void>): Promise<number> {
  const before = cpuMs(daemon.pid);
  const beganMs = performance.now();
  await work();
  return cpuMs(daemon.pid) - before - idlePerMs * (performance.now() - beganMs);
}
