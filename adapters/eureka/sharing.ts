import type { Locality, Metadata } from '../../core/model/index.js';
import { sameMetadata } from '../../core/plugin/index.js';

const maxEntries = 50_000;
const maxTextLength = 64;

/**
 * One copy of what instances have in common: short texts, port maps, localities and metadata. A listing of a hundred
 * thousand instances says the same few things over and over. Bounded; what does not fit is simply not shared.
 */
export class Sharing {
  readonly #texts = new Map<string, string>();
  readonly #ports = new Map<string, Readonly<Record<string, number>>>();
  readonly #localities = new Map<string, Locality>();
  #lastMetadata: Metadata | undefined;

  text(value: string): string {
    if (value.length > maxTextLength) return value;
    return remember(this.#texts, value, () => value);
  }

  ports(ports: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
    let key = '';
    for (const name in ports) key += `${name}=${ports[name]} `;
    return remember(this.#ports, key, () => ports);
  }

  locality(region: string, zone: string): Locality {
    return remember(this.#localities, `${region}/${zone}`, () => ({ region, zone, subzone: '' }));
  }

  /** Neighbours in a listing are instances of one application and mostly say the same. */
  metadata(metadata: Metadata): Metadata {
    if (this.#lastMetadata && sameMetadata(this.#lastMetadata, metadata)) return this.#lastMetadata;
    this.#lastMetadata = metadata;
    return metadata;
  }
}

function remember<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  if (known.size < maxEntries) known.set(key, made);
  return made;
}
