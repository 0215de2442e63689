import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { metadataFrom, type Service } from '../core/model/index.js';
import { systemClock } from '../core/time/index.js';
import { DiskWarmStore } from '../core/warm/disk-warm-store.js';
import { machine } from './report.js';
import { describeScale, instanceAddress, interfaceName, type Scale } from './scale.js';

// `npx tsx bench/warm-start.ts`: how long the catalog takes to get on disk, and to be read again.
const none = new AbortController().signal;
console.log(machine());
for (const scale of [
  { services: 1000, instances: 10 },
  { services: 10_000, instances: 10 },
]) {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-bench-'));
  try {
    await measure(scale, dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function measure(scale: Scale, dir: string): Promise<void> {
  const services = Array.from({ length: scale.services }, (_, index) => dubboService(index, scale.instances));
  const store = newStore(dir);
  const stop = new AbortController();
  const running = store.run(stop.signal);
  const stall = watchStalls();
  const writeMs = await timed(async () => {
    for (const service of services) store.put('dubbo', service);
    store.trust('dubbo', { confirmedMs: Date.now(), degraded: [], holds: [] });
    await store.flush();
  });
  const { bytes } = store.status();
  const cpuBefore = process.cpuUsage();
  const changes = 10_000;
  const changesMs = await timed(async () => {
    for (let change = 0; change < changes; change++) {
      store.put('dubbo', dubboService(change % scale.services, scale.instances - 1));
      if (change % 100 === 99) await systemClock.sleep(100, none);
    }
    await store.flush();
  });
  const cpu = process.cpuUsage(cpuBefore);
  const stallMs = stall();
  stop.abort();
  await running;
  const readMs: number[] = [];
  for (let round = 0; round < 3; round++) {
    readMs.push(await timed(async () => void (await newStore(dir).load(none))));
  }
  console.log(
    `${describeScale(scale)}: written in ${writeMs.toFixed(0)} ms (${(bytes / 1e6).toFixed(1)} MB), read in ` +
      `${readMs.map((ms) => ms.toFixed(0)).join(', ')} ms; ${changes} changes in ${(changesMs / 1000).toFixed(1)} s cost ` +
      `${((cpu.user + cpu.system) / changes).toFixed(0)} µs of CPU each, longest stall ${stallMs.toFixed(0)} ms`,
  );
}

function newStore(dir: string): DiskWarmStore {
  const logger = pino({ level: 'warn' });
  return new DiskWarmStore({ dir, maxAgeMs: 86_400_000, maxBytes: 512 * 1024 ** 2, clock: systemClock, logger });
}

/** About what the ZooKeeper source makes of a Dubbo provider. */
function dubboService(index: number, instances: number): Service {
  const name = interfaceName(index);
  return {
    name: `${name}:1.0.0:`,
    attributes: metadataFrom(Object.entries({ interface: name, version: '1.0.0', group: '', name })),
    ports: [{ name: 'dubbo', number: 20_880, protocol: 'dubbo' }],
    metadata: metadataFrom([]),
    instances: Array.from({ length: instances }, (_, instance) => {
      const address = instanceAddress(index, instance);
      const metadata = Object.entries({
        application: `provider-${index}`,
        dubbo: '2.0.2',
        release: '3.3.6',
        side: 'provider',
        timestamp: String(1_700_000_000_000 + index * 1000 + instance),
        pid: String(4711 + instance),
        methods: 'sayHello,getUserById,listOrders,createOrder,cancelOrder,queryStatus',
        'prefer.serialization': 'fastjson2,hessian2',
      });
      return {
        id: `dubbo://${address}:20880`,
        address,
        ports: { dubbo: 20_880 },
        health: 'healthy',
        weight: 100,
        metadata: metadataFrom(metadata),
      };
    }),
  };
}

async function timed(run: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

/** @returns ends the watch, and gives the longest time that the event loop did nothing else */
function watchStalls(): () => number {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 2);
    last = now;
  }, 2);
  return () => {
    clearInterval(timer);
    return longest;
  };
}
