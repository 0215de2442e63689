import type { CatalogService } from '../catalog/catalog.js';
import { Breather } from '../store/breather.js';
import { deltaOf } from './delta.js';
import type { ChangeEntry } from './entry.js';
import type { HistoryReader, Versions } from './history-reader.js';

/**
 * What is otherwise than before a restart: it changed while nobody looked, or by another configuration.
 * Only hosts whose hash differs are read whole.
 * @param atMs the time the entries are to have
 * @throws what {@link HistoryReader.statesAt} throws
 */
export async function changesOverRestart(
  reader: HistoryReader,
  { versions, lastMs }: Versions,
  services: ReadonlyMap<string, CatalogService>,
  cause: ChangeEntry['cause'],
  atMs: number,
  signal: AbortSignal,
): Promise<readonly ChangeEntry[]> {
  const breather = new Breather();
  const differing = new Set<string>();
  for (const [host, service] of services) {
    if (versions.get(host) !== service.version) differing.add(host);
    if (breather.isDue) await breather.breathe(signal);
  }
  for (const host of versions.keys()) if (!services.has(host)) differing.add(host);
  if (differing.size === 0) return [];
  const before = await reader.statesAt(lastMs, (host) => differing.has(host), signal);
  return [...differing].sort().flatMap((host) => {
    const [old, now] = [before.get(host), services.get(host)];
    const { source = '', service = '' } = (now ?? old)?.origins[0] ?? {};
    return old || now ? [{ atMs, host, source, service, cause, ...deltaOf(old, now) }] : [];
  });
}
