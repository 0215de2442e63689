import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { systemClock } from '../core/time/index.js';
import { DiskWarmStore } from '../core/warm/disk-warm-store.js';
import { dubboService } from './dubbo-service.js';
import { machine } from './report.js';
import { describeScale, type Scale } from './scale.js';
import { timed, watchStalls } from './timing.js';

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
    store.trust('dubbo', { confirmedMs: Date.now(), degraded: [], holds: [], freezes: [] });
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
    readMs.push(await timed(async () => void (await newStore(dir).load(none, new Set(['dubbo'])))));
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
