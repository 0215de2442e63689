import { matchesGlob } from '../catalog/glob.js';
import { bareRecord, emptyMetadata, type Metadata } from '../model/index.js';

/** What becomes of metadata, in this order. */
export interface RelabelRule {
  /** Globs over keys: the others are dropped. */
  readonly keep?: readonly string[] | undefined;
  /** Globs over keys that are dropped. */
  readonly drop?: readonly string[] | undefined;
  /** Old key → new key. One that is there already under its new key stays as it is. */
  readonly map?: Readonly<Record<string, string>> | undefined;
  /** Values of keys that are not there. */
  readonly default?: Readonly<Record<string, string>> | undefined;
}

/** The very same object when the rule changes nothing. Pure. */
export function relabel(metadata: Metadata, rule: RelabelRule): Metadata {
  const { keep, drop, map = {}, default: defaults = {} } = rule;
  const result = bareRecord();
  let changed = false;
  for (const [key, value] of Object.entries(metadata)) {
    const isKept = keep === undefined || keep.some((glob) => matchesGlob(glob, key));
    if (!isKept || drop?.some((glob) => matchesGlob(glob, key))) {
      changed = true;
      continue;
    }
    const target = Object.hasOwn(map, key) ? (map[key] ?? key) : key;
    if (target === key) result[key] = value;
    else {
      changed = true;
      if (!Object.hasOwn(metadata, target)) result[target] = value;
    }
  }
  for (const [key, value] of Object.entries(defaults)) {
    if (Object.hasOwn(result, key)) continue;
    result[key] = value;
    changed = true;
  }
  if (!changed) return metadata;
  return Object.keys(result).length === 0 ? emptyMetadata : result;
}
