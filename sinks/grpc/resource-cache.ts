import type { StreamTurns } from './flush-turns.js';
import { type CacheStream, ResourceType } from './resource-type.js';
import type { XdsChange, XdsResource } from './xds-resource.js';

export interface ResourceCacheOptions {
  /** Type URLs that mean the same: the one that resources are held by. Default: each is its own. */
  readonly canonicalType?: (typeUrl: string) => string;
  /** Whether a type may be answered; asked when a stream is flushed. Default: all, from the first `apply` on. */
  readonly isReady?: (typeUrl: string) => boolean;
  /** When streams are written to. Default: at once. */
  readonly turns?: StreamTurns;
}

const atOnce: StreamTurns = {
  changed: (stream) => stream.flush(),
  asked: (stream) => stream.flush(),
  delete: () => undefined,
};

/**
 * The resources that a sink serves, by type and name, and who reads which of them. A change costs its resources times
 * the streams that read them, whatever else there is.
 *
 * ```ts
 * const cache = new ResourceCache();
 * const sessions = xdsSessions({ cache, observer, clock, ackTimeoutMs, maxSubscriptions });
 * const server = new AdsServer({ ...sessions, observer, clock, maxClients, keepaliveMs, keepaliveTimeoutMs });
 * await server.listen({ host: '127.0.0.1', port: 18000 });
 * for await (const change of catalog.watch(signal)) cache.apply(toXdsChanges(change));
 * ```
 *
 * No client is answered before the first `apply`, which says that the resources are complete, even if there are none.
 */
export class ResourceCache {
  readonly #types = new Map<string, ResourceType>();
  readonly #streams = new Set<CacheStream>();
  readonly #canonicalType: (typeUrl: string) => string;
  readonly #isReady: (typeUrl: string) => boolean;
  readonly #turns: StreamTurns;
  #revision = 0;
  #filled = false;

  constructor({ canonicalType, isReady, turns }: ResourceCacheOptions = {}) {
    this.#canonicalType = canonicalType ?? ((typeUrl) => typeUrl);
    this.#isReady = isReady ?? (() => this.#filled);
    this.#turns = turns ?? atOnce;
  }

  /** Grows by one with each `apply` that changes something. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether the first `apply` has come. */
  get isFilled(): boolean {
    return this.#filled;
  }

  /** Number of resources, of one type or of all. */
  size(typeUrl?: string): number {
    if (typeUrl !== undefined) return this.#types.get(this.#canonicalType(typeUrl))?.size ?? 0;
    let size = 0;
    for (const type of this.#types.values()) size += type.size;
    return size;
  }

  get(typeUrl: string, name: string): XdsResource | undefined {
    return this.#types.get(this.#canonicalType(typeUrl))?.entry(name)?.resource;
  }

  /** Resources of a type, in no particular order. */
  *resources(typeUrl: string): Generator<XdsResource> {
    yield* this.#types.get(this.#canonicalType(typeUrl))?.resources() ?? [];
  }

  /** The revision that a resource came to be as it is with; undefined when it does not exist. */
  changedWith(typeUrl: string, name: string): number | undefined {
    const entry = this.#types.get(this.#canonicalType(typeUrl))?.entry(name);
    return entry?.resource && entry.revision;
  }

  /**
   * Takes what changed, all that belongs together in one call, and writes it to the streams that read it. A resource of
   * the version that is held already changes nothing. @returns whether anything changed.
   */
  apply(changes: Iterable<XdsChange>): boolean {
    const revision = this.#revision + 1;
    const touched: CacheStream[] = [];
    const touch = (stream: CacheStream) => {
      if (stream.touched) return;
      stream.touched = true;
      touched.push(stream);
    };
    let changed = false;
    for (const change of changes) {
      const set = change.kind === 'set';
      const { typeUrl, name } = set ? change.resource : change;
      if (this.type(typeUrl).put(name, set ? change.resource : undefined, revision, touch)) changed = true;
    }
    if (changed) this.#revision = revision;
    if (!this.#filled) {
      this.#filled = true;
      for (const stream of this.#streams) touch(stream);
    }
    for (const stream of touched) {
      stream.touched = false;
      this.#turns.changed(stream);
    }
    return changed;
  }

  /** Types that there are resources or readers of. */
  get typeCount(): number {
    return this.#types.size;
  }

  /** For streams: the resources of a type and their readers, to be given back by {@link releaseType}. */
  holdType(typeUrl: string): ResourceType {
    const type = this.type(typeUrl);
    type.holders++;
    return type;
  }

  /** Clients choose types: one that nobody asks for any more, and that never had a resource, is forgotten. */
  releaseType(typeUrl: string): void {
    const type = this.type(typeUrl);
    type.holders--;
    if (type.holders === 0 && type.size === 0) this.#types.delete(this.#canonicalType(typeUrl));
  }

  type(typeUrl: string): ResourceType {
    const canonical = this.#canonicalType(typeUrl);
    const known = this.#types.get(canonical);
    if (known) return known;
    const type = new ResourceType();
    this.#types.set(canonical, type);
    return type;
  }

  /** For streams: whether a type may be answered. */
  isReady(typeUrl: string): boolean {
    return this.#isReady(typeUrl);
  }

  /** For streams: who is told of the first `apply`. @returns how to end it, and all that it waits for. */
  join(stream: CacheStream): () => void {
    this.#streams.add(stream);
    return () => {
      this.#streams.delete(stream);
      this.#turns.delete(stream);
    };
  }

  /** For streams: has what a client lacks written that has asked or answered, in its turn. */
  asked(stream: CacheStream): void {
    this.#turns.asked(stream);
  }
}
