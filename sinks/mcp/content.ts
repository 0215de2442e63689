import type { Change } from '../../core/catalog/catalog.js';
import type { AdsContent, AdsState } from '../grpc/ads-content.js';
import { BufferPool, lease, type PooledBuffer } from '../grpc/buffer-pool.js';
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
  readonly #pool = new BufferPool();
  /** Buffers of the states in `#newest`. */
  #buffers: PooledBuffer[] = [];
  /** Buffers of states that are over; the next is made of the last of them. */
  #stale: PooledBuffer[] = [];
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
    if (differs) {
      this.#newest.clear();
      this.#stale.push(...this.#buffers.splice(0));
    }
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

  /** ServiceEntries of this moment: `lease()` is called, if at all, before the next change is taken. */
  #serviceEntries(typeUrl: string): AdsState {
    const resources = this.#resources;
    const version = resources.version();
    const nonce = `${typeUrl}@${resources.revision}`;
    let buffer: PooledBuffer | undefined;
    return {
      version,
      nonce,
      lease: () => {
        buffer ??= this.#encode({ version, typeUrl, nonce });
        return buffer.lease();
      },
    };
  }

  #encode(fields: { version: string; typeUrl: string; nonce: string }): PooledBuffer {
    const { head, tail } = responseFrame(fields);
    const buffer = this.#pool.take(head.length + this.#resources.byteLength + tail.length);
    this.#resources.concat(head, tail, buffer.bytes);
    for (const stale of this.#stale.splice(0)) stale.retire();
    this.#buffers.push(buffer);
    return buffer;
  }
}

function emptyState(typeUrl: string): AdsState {
  const nonce = `${typeUrl}@0`;
  return {
    version: emptyVersion,
    nonce,
    lease: () => {
      const { head, tail } = responseFrame({ version: emptyVersion, typeUrl, nonce });
      return lease(Buffer.concat([head, tail]));
    },
  };
}
