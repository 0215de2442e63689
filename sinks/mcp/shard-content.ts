import type { AdsContent, AdsState } from '../grpc/ads-content.js';
import { lease } from '../grpc/buffer-pool.js';
import { responseFrame } from '../grpc/discovery-response.js';
import { ResourceCache } from '../grpc/resource-cache.js';
import type { XdsChange } from '../grpc/xds-resource.js';
import { anyOf, type EncodedResource } from '../istio/resource.js';
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
  #cache: ResourceCache | undefined;
  /** Of what is in the cache: kind and name here → the name that readers know, which has the namespace too. */
  readonly #toldNames = new Map<string, string>();

  constructor(shard: Shard, kinds: ReadonlyMap<Kind, KindContent>, isFilled: (kind: Kind) => boolean) {
    this.shard = shard;
    this.#kinds = kinds;
    this.#isFilled = isFilled;
  }

  /** Undefined: a kind that the sink does not fill. */
  of(kind: Kind): KindContent | undefined {
    return this.#kinds.get(kind);
  }

  /** The same resources for clients that read what changes alone; made when the first of them comes. */
  get cache(): ResourceCache {
    this.#cache ??= this.#fillCache();
    return this.#cache;
  }

  /** Tells the clients that read what changes; to be called after the kind's content has it. */
  tell(kind: Kind, changes: Iterable<readonly [string, EncodedResource | undefined]>): void {
    this.#cache?.apply(this.#xdsChanges(kind, changes));
  }

  /** Of all kinds. */
  get size(): number {
    return [...this.#kinds.values()].reduce((sum, { size }) => sum + size, 0);
  }

  get byteLength(): number {
    return [...this.#kinds.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  #fillCache(): ResourceCache {
    const cache = new ResourceCache({
      canonicalType: (typeUrl) => kindOf(typeUrl) ?? typeUrl,
      isReady: (typeUrl) => {
        const kind = kindOf(typeUrl);
        return kind === undefined || !this.#kinds.has(kind) || this.#isFilled(kind);
      },
    });
    for (const [kind, content] of this.#kinds) cache.apply(this.#xdsChanges(kind, content.resources()));
    return cache;
  }

  *#xdsChanges(kind: Kind, changes: Iterable<readonly [string, EncodedResource | undefined]>): Generator<XdsChange> {
    for (const [ownName, resource] of changes) {
      const key = `${kind} ${ownName}`;
      const before = this.#toldNames.get(key);
      if (before !== undefined && before !== resource?.name) yield { kind: 'delete', typeUrl: kind, name: before };
      if (!resource) {
        this.#toldNames.delete(key);
        continue;
      }
      const { name, version } = resource;
      this.#toldNames.set(key, name);
      yield { kind: 'set', resource: { typeUrl: kind, name, version, any: anyOf(resource), wildcard: 'all' } };
    }
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
