import type { Metadata } from '../../core/model/index.js';
import { isDnsName } from './dns-names.js';

const qualifiedName = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const maxLength = 63;

/** A Kubernetes label key: a qualified name of at most 63 characters, after `prefix/` if there is one. */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  if (slash >= 0 && !isDnsName(key.slice(0, slash))) return false;
  const name = key.slice(slash + 1);
  return name.length <= maxLength && qualifiedName.test(name);
}

/** A Kubernetes label value; the empty one is valid too. */
export function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= maxLength && qualifiedName.test(value));
}

/** Labels in the order of `keys`, and the keys whose value cannot be a label. */
export interface PickedLabels {
  readonly labels: Record<string, string>;
  readonly refused: readonly string[];
}

const none: readonly string[] = [];

/** Takes the metadata that is to become labels. Empty values say nothing and are left out. */
export function pickLabels(metadata: Metadata, keys: readonly string[]): PickedLabels {
  const labels: Record<string, string> = {};
  let refused: string[] | undefined;
  for (const key of keys) {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    if (value === undefined || value === '') continue;
    if (isLabelValue(value)) labels[key] = value;
    else {
      refused ??= [];
      refused.push(key);
    }
  }
  return { labels, refused: refused ?? none };
}
