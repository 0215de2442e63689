import type { Service } from '../../core/plugin/index.js';

/** Services that one reading changed. */
export interface Changes {
  readonly changed: readonly Service[];
  /** Names of services that are gone. */
  readonly removed: readonly string[];
}

export const noChanges: Changes = { changed: [], removed: [] };

export function allChanges(parts: Iterable<Changes>): Changes {
  const changed: Service[] = [];
  const removed: string[] = [];
  for (const part of parts) {
    changed.push(...part.changed);
    removed.push(...part.removed);
  }
  return changed.length + removed.length === 0 ? noChanges : { changed, removed };
}
