import { isCredential } from '../../core/plugin/index.js';

/** Metadata without what looks like a credential. */
export function publicMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([key, value]) => !isCredential(key, value)));
}
