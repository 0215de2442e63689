import type { Change } from '../../core/catalog/catalog.js';
import type { AdsContent, AdsState } from '../grpc/ads-content.js';
import { responseFrame } from '../grpc/discovery-response.js';
import type { ResourceSet } from '../istio/resource-set.js';
import { serviceEntryTypes } from './types.js';

/** Version of a type with no resources: a hash of nothing, the same always. */
const emptyVersion = 'empty';

/**
 * What istiod is served: ServiceEntries once the catalog is ready, and nothing at all of every other type at once, for
 * istiod is not ready before each type was answered.
 */
export class McpContent implements AdsContent {
  readonly #resources: ResourceSet;
  /** ServiceEntries as they are, by type URL; made when first asked for. */
  readonly #newest = new Map<string, AdsState>();
  #filled = false;

  constructor(resources: ResourceSet) {
    this.#resources = resources;
  }

  /** Whether the catalog has said what it holds. */
  get isFilled(): boolean {
    return this.#filled;
  }

  /** Takes a change of the catalog. @returns whether streams have something new to be told. */
  apply(change: Change): boolean {
    const differs = this.#resources.apply(change);
    const first = !this.#filled;
    this.#filled = true;
    if (differs) this.#newest.clear();
    return differs || first;
  }

  state(typeUrl: string): AdsState | undefined {
    if (!serviceEntryTypes.includes(typeUrl)) return emptyState(typeUrl);
    if (!this.#filled) return undefined;
    const known = this.#newest.get(typeUrl);
    if (known) return known;
    const state = this.#serviceEntries(typeUrl);
    this.#newest.set(typeUrl, state);
    return state;
  }

  /** ServiceEntries of this moment: `bytes()` is called, if at all, before the next change is taken. */
  #serviceEntries(typeUrl: string): AdsState {
    const resources = this.#resources;
    const version = resources.version();
    const nonce = `${typeUrl}@${resources.revision}`;
    let bytes: Buffer | undefined;
    return {
      version,
      nonce,
      bytes: () => {
        if (!bytes) {
          const { head, tail } = responseFrame({ version, typeUrl, nonce });
          bytes = resources.concat(head, tail);
        }
        return bytes;
      },
    };
  }
}

function emptyState(typeUrl: string): AdsState {
  const nonce = `${typeUrl}@0`;
  return {
    version: emptyVersion,
    nonce,
    bytes: () => {
      const { head, tail } = responseFrame({ version: emptyVersion, typeUrl, nonce });
      return Buffer.concat([head, tail]);
    },
  };
}
