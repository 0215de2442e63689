import type { AdsContent, AdsState } from '../grpc/ads-content.js';
import { lease } from '../grpc/buffer-pool.js';
import { responseFrame } from '../grpc/discovery-response.js';
import type { KindContent } from './kind-content.js';
import type { Shard } from './shards.js';
import { type Kind, kindOf } from './types.js';

/** Version of a type with no resources: a hash of nothing, the same always. */
const emptyVersion = 'empty';

/**
 * What the clients of one shard are served: the resources of the kinds that the sink fills, each once it is known, and
 * nothing at all of every other type at once, for istiod is not ready before each type was answered.
 */
export class ShardContent implements AdsContent {
  readonly shard: Shard;
  readonly #kinds: ReadonlyMap<Kind, KindContent>;
  readonly #isFilled: (kind: Kind) => boolean;

  constructor(shard: Shard, kinds: ReadonlyMap<Kind, KindContent>, isFilled: (kind: Kind) => boolean) {
    this.shard = shard;
    this.#kinds = kinds;
    this.#isFilled = isFilled;
  }

  /** Undefined: a kind that the sink does not fill. */
  of(kind: Kind): KindContent | undefined {
    return this.#kinds.get(kind);
  }

  /** Of all kinds. */
  get size(): number {
    return [...this.#kinds.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get byteLength(): number {
    return [...this.#kinds.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  state(typeUrl: string): AdsState | undefined {
    const kind = kindOf(typeUrl);
    const content = kind && this.#kinds.get(kind);
    if (kind === undefined || content === undefined) return emptyState(typeUrl);
    return this.#isFilled(kind) ? content.state(typeUrl) : undefined;
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
