import { matchesGlob } from '../../core/catalog/glob.js';
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

/** Labels sorted by key, so that the bytes are equal on every replica, and the keys whose value or self cannot be a label. */
export interface PickedLabels {
  readonly labels: Record<string, string>;
  readonly refused: readonly string[];
}

const none: readonly string[] = [];

/** Takes the metadata that is to become labels. */
export class LabelPicker {
  readonly #keys: readonly string[];
  readonly #globs: readonly string[];

  /** @param keys of metadata; with `*` for any characters */
  constructor(keys: readonly string[]) {
    this.#keys = [...new Set(keys.filter((key) => !key.includes('*')))].sort();
    this.#globs = keys.filter((key) => key.includes('*'));
  }

  /** Empty values say nothing and are left out. */
  pick(metadata: Metadata): PickedLabels {
    const labels: Record<string, string> = {};
    let refused: string[] | undefined;
    for (const key of this.#keysIn(metadata)) {
      const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
      if (value === undefined || value === '') continue;
      if (isLabelKey(key) && isLabelValue(value)) labels[key] = value;
      else {
        refused ??= [];
        refused.push(key);
      }
    }
    return { labels, refused: refused ?? none };
  }

  #keysIn(metadata: Metadata): readonly string[] {
    if (this.#globs.length === 0) return this.#keys;
    const found = Object.keys(metadata).filter((key) => this.#globs.some((glob) => matchesGlob(glob, key)));
    return [...new Set([...this.#keys, ...found])].sort();
  }
}
