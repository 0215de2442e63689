import type { Readiness } from '../../core/api/resources.js';
import type { ApiServerOptions } from './api-options.js';

/** Ready is who serves: the catalog has been read, and each sink does its work. */
export function readinessOf(options: Pick<ApiServerOptions, 'catalog' | 'sources' | 'sinks' | 'missing'>): Readiness {
  const missing: { name: string; reason: string }[] = [];
  if (!options.catalog.isReady) {
    const waiting = new Set(options.missing());
    for (const { name, status } of options.sources().filter((source) => waiting.has(source.name))) {
      const cause = 'cause' in status && status.cause !== undefined ? `: ${status.cause}` : '';
      missing.push({ name, reason: `the source was not read yet${cause}` });
    }
    if (missing.length === 0) missing.push({ name: 'catalog', reason: 'what was read is being taken in' });
  }
  for (const { name, ready } of options.sinks()) {
    if (!ready) missing.push({ name, reason: 'the sink does not serve yet' });
  }
  return { ready: missing.length === 0, missing };
}
