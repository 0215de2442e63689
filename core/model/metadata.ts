import { bareRecord } from './bare-record.js';
import type { Metadata } from './service.js';

/** Bounds on what a registry may put into one record, so that one record cannot take the memory of all. */
export const metadataLimits = { entries: 256, keyLength: 256, valueLength: 4096 } as const;

/** The one empty metadata, shared. */
export const emptyMetadata: Metadata = Object.freeze(bareRecord());

/**
 * Metadata from entries of a registry: bounded (see {@link metadataLimits}; what is over the bound is left out), and
 * with no prototype, so that a key `__proto__` or `constructor` is a key as any other.
 */
export function metadataFrom(entries: Iterable<readonly [string, string]>): Metadata {
  const metadata = bareRecord();
  let count = 0;
  for (const [key, value] of entries) {
    if (key === '' || key.length > metadataLimits.keyLength || value.length > metadataLimits.valueLength) continue;
    if (++count > metadataLimits.entries) break;
    metadata[key] = value;
  }
  return count === 0 ? emptyMetadata : metadata;
}
