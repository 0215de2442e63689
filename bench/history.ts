import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { HostTemplate } from '../core/catalog/host-template.js';
import { LiveCatalog } from '../core/catalog/live-catalog.js';
import { Naming } from '../core/catalog/naming.js';
import { Readiness } from '../core/catalog/readiness.js';
import { History } from '../core/history/history.js';
import { systemClock } from '../core/time/index.js';
import { dubboService } from './dubbo-service.js';
import { machine } from './report.js';
import { describeScale } from './scale.js';
import { timed, watchStalls } from './timing.js';

// `npx tsx bench/history.ts [SECONDS]`: what recording costs at 1,000 changes a second, and how long the past takes to be read.
const scale = { services: 10_000, instances: 10 };
const seconds = Number(process.argv[2] ?? 30);
const perSecond = 1000;
const none = new AbortController().signal;

console.log(machine());
const without = await run(false);
const recorded = await run(true);
console.log(`recording costs ${(recorded - without).toFixed(0)} µs of CPU a change`);

/** @returns microseconds of CPU a change */
async function run(isRecording: boolean): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-bench-'));
  const history = new History({
    dir,
    version: 'bench',
    configHash: 'bench',
    clock: systemClock,
    logger: pino({ level: 'warn' }),
  });
  const readiness = new Readiness([{ name: 'dubbo', graceMs: 1000 }]);
  const catalog = new LiveCatalog({
    sources: ['dubbo'],
    naming: new Naming([], new Map([['dubbo', new HostTemplate('{interface}.dubbo')]])),
    policyOf: () => ({ mode: 'union' }),
    readiness,
    ...(isRecording ? { onChanged: (changes) => history.record(changes) } : {}),
  });
  const services = Array.from({ length: scale.services }, (_, index) => dubboService(index, scale.instances));
  const smaller = services.map((service) => ({ ...service, instances: service.instances.slice(1) }));
  catalog.apply(
    'dubbo',
    services.map((service) => [service.name, service]),
  );
  readiness.listed('dubbo');
  readiness.synced('dubbo');
  const stop = new AbortController();
  const running = isRecording ? history.run(catalog, stop.signal) : undefined;
  const beganMs = await timed(async () => {
    while (isRecording && history.status().written === 0) await systemClock.sleep(20, none);
  });
  const firstMs = Date.now();
  const before = process.cpuUsage();
  const stalls = watchStalls();
  let change = 0;
  const tookMs = await timed(async () => {
    const began = performance.now();
    for (let tick = 0; tick < seconds * 20; tick++) {
      for (let one = 0; one < perSecond / 20; one++, change++) {
        const index = change % scale.services;
        const isSmall = Math.floor(change / scale.services) % 2 === 0;
        const service = (isSmall ? smaller : services)[index];
        if (service) catalog.apply('dubbo', [[service.name, service]]);
      }
      await systemClock.sleep(Math.max(0, began + (tick + 1) * 50 - performance.now()), none);
    }
    if (isRecording) await history.flush();
  });
  const { user, system } = process.cpuUsage(before);
  const stallMs = stalls();
  const cost = (user + system) / change;
  console.log(
    `${describeScale(scale)}, ${change} changes in ${(tookMs / 1000).toFixed(1)} s, ${isRecording ? '' : 'not '}recorded: ` +
      `${cost.toFixed(0)} µs of CPU a change, longest stall ${stallMs.toFixed(0)} ms`,
  );
  if (isRecording) {
    const { bytes, dropped } = history.status();
    const atMs = await timed(async () => void (await history.at(firstMs, none)));
    const oneMs = await timed(async () => void (await history.at(Date.now(), none, (host) => host.includes('api77s'))));
    const diffMs = await timed(
      async () => void (await history.difference({ fromMs: firstMs, toMs: Date.now(), limit: 100 }, none)),
    );
    console.log(
      `first file in ${beganMs.toFixed(0)} ms, ${(bytes / 1e6).toFixed(1)} MB in all, ${dropped} dropped; the catalog as it ` +
        `was in ${atMs.toFixed(0)} ms, one host in ${oneMs.toFixed(0)} ms, 100 hosts that differ in ${diffMs.toFixed(0)} ms`,
    );
  }
  stop.abort();
  await running;
  rmSync(dir, { recursive: true });
  return cost;
}
