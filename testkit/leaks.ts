import { setTimeout as delay } from 'node:timers/promises';

/** What keeps the process alive, by kind, as `{ Timeout: 2, TCPSocketWrap: 1 }`. */
export type ResourceCounts = ReadonlyMap<string, number>;

/** Kinds that come and go on their own and belong to nobody: pending file system requests, name look-ups and closings. */
const transient = new Set(['CloseReq', 'FSReqCallback', 'FSReqPromise', 'GetAddrInfoReqWrap', 'Immediate']);

/**
 * Timers, sockets, watches and child processes that are open, the unreferenced ones not counted. Taken after a turn of
 * the event loop: a test runner starts the timer of a test's deadline only after the test's first step.
 */
export async function activeResources(): Promise<ResourceCounts> {
  await new Promise((resolve) => setImmediate(resolve));
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!transient.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** What is open now and was not in `before`, by kind, as `['2 × Timeout']`. */
export function grownResources(before: ResourceCounts, now: ResourceCounts, allowed = 0): string[] {
  const grown: string[] = [];
  for (const [kind, count] of now) {
    const more = count - (before.get(kind) ?? 0);
    if (more > allowed) grown.push(`${more} × ${kind}`);
  }
  return grown;
}

export interface LeakOptions {
  /** How long what was opened may take to close. Default 5 s: an idle HTTP connection is kept for 4 s. */
  readonly settleMs?: number;
  /** How many more of each kind are let pass. Default 0. */
  readonly allowed?: number;
}

/**
 * Resolves once no more is open than in `before`; looks every 20 ms, for closing takes the event loop some turns.
 * @throws Error that names what is still open after `settleMs`.
 */
export async function assertNoLeaks(before: ResourceCounts, options: LeakOptions = {}): Promise<void> {
  const { settleMs = 5000, allowed = 0 } = options;
  const deadline = performance.now() + settleMs;
  // The timer of this very poll counts while it runs, so look first and wait after.
  for (;;) {
    const grown = grownResources(before, await activeResources(), allowed);
    if (grown.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(`still open ${settleMs} ms after everything should have ended: ${grown.join(', ')}`);
    }
    await delay(20);
  }
}
