import { setTimeout as delay } from 'node:timers/promises';
import type { Daemon } from './daemon.js';
import { cpuMs } from './process-stat.js';

/** Of a core: a daemon with nothing to do takes less. */
const restingShare = 0.05;

/** Until what follows the first answer is done, as the first writing of its disk: a change is not to pay for it. */
export async function settled(daemon: Daemon): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  // What it puts off waits for two seconds.
  await delay(3000);
  while ((await idleCpuPerMs(daemon)) > restingShare) {
    if (performance.now() > deadlineMs) throw new Error('the daemon does not come to rest');
  }
}

/** What the daemon costs when nothing happens, as a share of a core. */
export async function idleCpuPerMs(daemon: Daemon): Promise<number> {
  const windowMs = 5000;
  const before = cpuMs(daemon.pid);
  await delay(windowMs);
  return (cpuMs(daemon.pid) - before) / windowMs;
}
