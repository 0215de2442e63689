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

export interface FromZookeeperFigures {
  readonly scale: Scale;
  /** ZooKeeper's notification, as a bare client gets it → the delta push; negative: the push came first. */
  readonly overNotificationMs: { readonly p50: number; readonly p99: number };
  readonly cpuMsPerChange: number;
  /** Start of a process that has the catalog on disk → all endpoints are at a client. */
  readonly warmStartMs: number;
  /** With 100 clients that have all endpoints. */
  readonly rssMb: number;
}

const gateway = 'edge';
const changedServices = 20;
const warmUps = 10;
const clients = 100;
const pauseMs = 100;

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
    const again = await start(zookeeper.address, data, all);
    running = again.daemon;
    again.reader.close();
    return { scale, ...measured, warmStartMs: again.firstAnswerMs, rssMb: rss };
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
  const paths = services.map((service) => `/dubbo/${interfaceName(service)}/providers`);
  const reference = await Reference.start(['zookeeper', zookeeper, ...paths]);
  const times: number[] = [];
  let cpuBefore = 0;
  let cpuIdle = 0;
  let beganMs = 0;
  try {
    for (let change = -warmUps; change < changes; change++) {
      if (change === 0) {
        cpuIdle = await idleCpuPerMs(daemon);
        cpuBefore = cpuMs(daemon.pid);
        beganMs = performance.now();
      }
      const number = change + warmUps;
      const index = number % changedServices;
      const address = `10.254.${number >> 8}.${number & 255}`;
      const notified = reference.next(paths[index] ?? '', address);
      const told = reader.told(address);
      await writer.add(services[index] ?? 0, address);
      const toldNs = await told;
      const notifiedNs = await notified;
      if (change >= 0) times.push(Number(toldNs - notifiedNs) / 1e6);
      await delay(pauseMs);
    }
  } finally {
    await reference.stop();
  }
  const cpu = cpuMs(daemon.pid) - cpuBefore - cpuIdle * (performance.now() - beganMs);
  return {
    overNotificationMs: { p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
    cpuMsPerChange: cpu / changes,
  };
}
