import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { boundHeapGrowth } from '../../cli/heap.js';
import { HostTemplate } from '../../core/catalog/host-template.js';
import { LiveCatalog } from '../../core/catalog/live-catalog.js';
import { Naming } from '../../core/catalog/naming.js';
import { Readiness } from '../../core/catalog/readiness.js';
import type { Instance, Service } from '../../core/model/index.js';
import { systemClock } from '../../core/time/index.js';
import { xdsSink } from '../../sinks/xds/index.js';

/**
 * The xds sink on a catalog of its own, with services as those of the peer (bench/peers/xds), which are changed in the same
 * way; the catalog, the conversion and the encoding are a part of what is measured:
 *
 *   sink-server PORT SERVICES INSTANCES
 *
 * Lines on standard input: `change I` gives the first instance of service I an address that tells the number of the change;
 * `written` asks how long after it the last response was handed to HTTP/2; `storm PER_SECOND SECONDS` changes one service after
 * the other. Lines on standard output: `ready`; `written MS`; `storm TIME`, when it begins; `calm JSON` with a `StormFigures`,
 * when it is over.
 */
export interface StormFigures {
  /** Of the event loop, over a timer's own time. */
  readonly delayP99Ms: number;
  readonly rssBeforeMb: number;
  /** Each after one more tenth of the storm. */
  readonly rssMb: readonly number[];
  /** What is left of the heap after a collection. */
  readonly liveBeforeMb: number;
  readonly liveAfterMb: number;
  /** Changes made. */
  readonly changes: number;
}

// As the daemon does.
boundHeapGrowth();

const [port = 0, services = 0, instances = 0] = process.argv.slice(2).map(Number);
const source = 'bench';
const stepMs = 10;

function addressOf(service: number, instance: number): string {
  const number = service * instances + instance;
  return `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
}

const others: (readonly Instance[])[] = [];

function anInstance(id: number, address: string): Instance {
  return { id: String(id), address, ports: { grpc: 20880 }, health: 'healthy', weight: 100, metadata: {} };
}

function serviceOf(index: number, change: number): Service {
  others[index] ??= Array.from({ length: instances - 1 }, (_, at) => anInstance(at + 1, addressOf(index, at + 1)));
  const first = anInstance(0, `11.${change >> 16}.${(change >> 8) & 255}.${change & 255}`);
  return {
    name: `service-${index}`,
    ports: [{ name: 'grpc', number: 20880, protocol: 'grpc' }],
    instances: [first, ...others[index]],
    metadata: {},
    attributes: { name: `service-${index}` },
    rejected: [],
  };
}

const catalog = new LiveCatalog({
  sources: [source],
  naming: new Naming([], new Map([[source, new HostTemplate('{name}.bench')]])),
  policyOf: () => ({ mode: 'union' }),
  readiness: new Readiness([]),
});
const apply = (indices: readonly number[], change: () => number) =>
  catalog.apply(
    source,
    indices.map((index) => {
      const service = serviceOf(index, change());
      return [service.name, service] as const;
    }),
  );

let changes = 0;
apply(
  Array.from({ length: services }, (_, index) => index),
  () => 0,
);
const sink = xdsSink.create(xdsSink.schema.parse({ listen: `127.0.0.1:${port}`, maxClients: 2000 }), {
  name: 'bench',
  logger: pino({ level: 'silent' }),
  clock: systemClock,
  dataDir: '/nonexistent',
  http: { add: () => undefined },
  metrics: new Registry(),
});
const stop = new AbortController();
const running = sink.run(catalog, stop.signal);
await sink.listening;
console.log('ready');

let changedMs = 0;
let writtenMs = 0;
const { write } = Duplex.prototype;
/** Of all that is written here, only responses go through streams of both ways. */
Duplex.prototype.write = function (this: Duplex, ...args: Parameters<typeof write>) {
  writtenMs = performance.now();
  return write.apply(this, args);
} as typeof write;

const rssMb = () => process.memoryUsage.rss() / 1e6;

function liveMb(): number {
  if (!globalThis.gc) throw new Error('start with --expose-gc');
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

async function storm(perSecond: number, seconds: number): Promise<void> {
  const liveBeforeMb = liveMb();
  const rssBeforeMb = rssMb();
  const rssDuring: number[] = [];
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  changes = 0;
  const startMs = performance.now();
  console.log(`storm ${Math.round((performance.timeOrigin + startMs) * 1e6)}`);
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(perSecond * seconds, ((performance.now() - startMs) / 1000) * perSecond);
      const indices: number[] = [];
      for (let number = changes + 1; number <= due; number++) indices.push((number * 7919) % services);
      apply(indices, () => ++changes);
      if (changes >= ((rssDuring.length + 1) * perSecond * seconds) / 10) rssDuring.push(rssMb());
      if (changes < perSecond * seconds) return;
      clearInterval(timer);
      resolve();
    }, stepMs);
  });
  delays.disable();
  // Who is behind is told first: a collection would hold it up.
  await delay(1000);
  const figures: StormFigures = {
    delayP99Ms: delays.percentile(99) / 1e6 - 1,
    rssBeforeMb,
    rssMb: rssDuring,
    liveBeforeMb,
    liveAfterMb: liveMb(),
    changes,
  };
  console.log(`calm ${JSON.stringify(figures)}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [word, first = 0, second = 0] = line.split(' ').map((text, index) => (index === 0 ? text : Number(text)));
  if (word === 'change') {
    changedMs = performance.now();
    apply([Number(first)], () => ++changes);
  }
  if (word === 'written') console.log(`written ${writtenMs - changedMs}`);
  if (word === 'storm') await storm(Number(first), Number(second));
}
stop.abort();
await running;
