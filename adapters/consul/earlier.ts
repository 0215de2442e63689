import type { Service } from '../../core/plugin/index.js';
import type { ConsulConfig } from './config.js';
import { isRead } from './list-guard.js';
import { publishedName, type Realm } from './realm.js';

/**
 * Takes over what an earlier process published, for realms of which this one has published nothing: a first listing then
 * keeps what it cannot read of it, and takes nothing away that ACLs may only hide. What the configuration leaves out by now
 * is not taken over, nor is what is named otherwise.
 */
export function adoptEarlier(
  realms: readonly Realm[],
  earlier: Iterable<Service>,
  config: Pick<ConsulConfig, 'include' | 'exclude' | 'tags'>,
  nowMs: number,
): void {
  const unknown = realms.filter(({ published }) => published.services.size === 0);
  if (unknown.length === 0) return;
  for (const service of earlier) {
    const { name, tags = '' } = service.attributes;
    if (name === undefined || !isRead(name, tags.split(','), config)) continue;
    const realm = unknown.find(({ suffix }) => publishedName(name, suffix) === service.name);
    realm?.published.set(name, service, nowMs);
  }
}
