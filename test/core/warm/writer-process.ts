import pino from 'pino';
import { systemClock } from '../../../core/time/index.js';
import { DiskWarmStore } from '../../../core/warm/disk-warm-store.js';
import { generation } from './generation.js';

// Writes generation after generation of two sources until it is killed; prints the number of each that is on disk.
const [dir = '', first = '1'] = process.argv.slice(2);
const store = new DiskWarmStore({
  dir,
  maxAgeMs: Number.MAX_SAFE_INTEGER, // the generation stands for the time
  maxBytes: 1024 ** 3,
  clock: systemClock,
  logger: pino({ level: 'silent' }),
  commitMs: 1,
});
await store.load(new AbortController().signal, new Set(['a', 'b']));
void store.run(new AbortController().signal);
for (let number = Number(first); ; number++) {
  for (const source of ['a', 'b']) {
    const { services, removed } = generation(number);
    for (const service of services) store.put(source, service);
    for (const name of removed) store.remove(source, name);
    store.trust(source, { confirmedMs: number, degraded: [], holds: [], freezes: [] });
  }
  try {
    await store.flush();
  } catch {
    continue; // the disk is full, and it is tried again
  }
  process.stdout.write(`${number}\n`);
}
