import type { Readiness } from '../../core/api/resources.js';
import type { SourceStatus } from '../../core/source/status.js';

/** Whether a part of the daemon serves; `reason` says why not. */
export interface PartReadiness {
  readonly name: string;
  readonly ready: boolean;
  readonly reason?: string;
}

/** Ready is who serves: the catalog has been read, and each sink listens. */
export function readinessOf(
  catalogIsReady: boolean,
  sources: readonly SourceStatus[],
  sinks: readonly PartReadiness[],
): Readiness {
  const missing: { name: string; reason: string }[] = [];
  if (!catalogIsReady) {
    const waiting = sources.filter(({ required, synced }) => required && !synced);
    for (const { name, status } of waiting) {
      const cause = 'cause' in status && status.cause !== undefined ? `: ${status.cause}` : '';
      missing.push({ name, reason: `the source was not read yet${cause}` });
    }
    if (waiting.length === 0) missing.push({ name: 'catalog', reason: 'the catalog is not ready yet' });
  }
  for (const { name, ready, reason } of sinks) {
    if (!ready) missing.push({ name, reason: reason ?? 'the sink does not listen yet' });
  }
  return { ready: missing.length === 0, missing };
}
