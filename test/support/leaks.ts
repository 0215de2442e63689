import assert from 'node:assert/strict';
import { poll } from './poll.js';

/** What keeps the process alive, counted by kind: sockets, servers, timers, child processes, requests under way. */
export type OpenResources = ReadonlyMap<string, number>;

/** Kinds that come and go with any work and are nobody's to release. */
const TRANSIENT = new Set([
  'CloseReq',
  'FSReqCallback',
  'FSReqPromise',
  'GetAddrInfoReqWrap',
  'Immediate',
  'TickObject',
]);

/** Takes stock of what is open now. Resources that do not keep the process alive (`unref`) are not counted. */
export function openResources(): OpenResources {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!TRANSIENT.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/**
 * Asserts that, soon, nothing more is open than was `before`.
 * @param timeoutMs how long a socket may take to close; default 2 s.
 */
export async function assertNoLeaks(before: OpenResources, timeoutMs = 2000): Promise<void> {
  let extra: string[] = [];
  const settled = await poll(
    () => {
      // The poll's own pause is over while it looks, so that its timer is not among them.
      extra = [...openResources()]
        .filter(([kind, count]) => count > (before.get(kind) ?? 0))
        .map(([kind, count]) => `${count - (before.get(kind) ?? 0)} more ${kind}`);
      return extra.length === 0;
    },
    { timeoutMs },
  ).catch(() => false);
  assert.ok(settled, `left open: ${extra.join(', ')}`);
}
