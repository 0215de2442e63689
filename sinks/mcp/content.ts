import type { EncodedResource } from '../istio/resource.js';
import { KindContent } from './kind-content.js';
import { ShardContent } from './shard-content.js';
import { type Shard, shardIndexOf } from './shards.js';
import type { Kind } from './types.js';

/** A resource that is new or other than before, or one that is gone (undefined). */
export interface KeyedResource {
  /** What decides about its shard: resources of one key stay together. */
  readonly key: string;
  /** Unique within its kind. */
  readonly name: string;
  readonly resource: EncodedResource | undefined;
}

/** All resources of one kind, as they are now. */
export interface ResourceList {
  /** Grows with each change. */
  readonly revision: number;
  all(): Iterable<KeyedResource>;
}

export interface McpContentOptions {
  /** The kinds that the sink fills. */
  readonly lists: ReadonlyMap<Kind, ResourceList>;
  /** Numbers of shards that are there for good. */
  readonly counts: readonly number[];
  readonly now: () => number;
  /** Whether somebody reads a shard of so many. */
  readonly isRead: (count: number) => boolean;
}

/** Numbers of shards, beside those that are there for good, that are served at a time. */
const maxDemanded = 3;

/**
 * The resources, cut into shards by several numbers at once: each client names the number that it was configured with,
 * and gets a consistent whole of that one, whatever others do. A number that nobody has asked for yet is cut when the
 * first client asks.
 */
export class McpContent {
  readonly #options: McpContentOptions;
  readonly #cuts = new Map<number, readonly ShardContent[]>();
  readonly #filled = new Set<Kind>();

  constructor(options: McpContentOptions) {
    this.#options = options;
    for (const count of new Set(options.counts)) this.#cuts.set(count, this.#cut(count));
  }

  /** Whether it is known what there is of a kind. */
  isFilled(kind: Kind): boolean {
    return this.#filled.has(kind);
  }

  /** Everything of a kind is known from now on. @returns whether it was not before */
  fill(kind: Kind): boolean {
    if (this.#filled.has(kind)) return false;
    this.#filled.add(kind);
    return true;
  }

  /** Takes what changed of a kind; a shard without a part in it stays as it is. */
  apply(kind: Kind, changes: readonly KeyedResource[]): void {
    const revision = this.#options.lists.get(kind)?.revision ?? 0;
    for (const [count, shards] of this.#cuts) {
      const touched = new Map<ShardContent, [string, KeyedResource['resource']][]>();
      for (const { key, name, resource } of changes) {
        const shard = shards[shardIndexOf(key, count)];
        const content = shard?.of(kind);
        if (!shard || !content) continue;
        content.set(name, resource);
        const own = touched.get(shard) ?? [];
        if (own.push([name, resource]) === 1) touched.set(shard, own);
      }
      for (const [shard, own] of touched) {
        shard.of(kind)?.changed(revision, this.#options.now());
        shard.tell(kind, own);
      }
    }
  }

  /** What a client of a shard is served, or why it cannot be. */
  of({ index, count }: Shard): ShardContent | string {
    const known = this.#cuts.get(count) ?? this.#demand(count);
    return (
      known?.[index] ??
      `clients read the catalog in ${[...this.#cuts.keys()].join(', ')} shards already; ${count} are too many ways`
    );
  }

  /** The shards of each number that is served now. */
  cuts(): Iterable<readonly [number, readonly ShardContent[]]> {
    return this.#cuts;
  }

  #demand(count: number): readonly ShardContent[] | undefined {
    const { counts, isRead } = this.#options;
    const demanded = [...this.#cuts.keys()].filter((other) => !counts.includes(other));
    if (demanded.length >= maxDemanded) {
      const unread = demanded.find((other) => !isRead(other));
      if (unread === undefined) return undefined;
      this.#cuts.delete(unread);
    }
    const shards = this.#cut(count);
    this.#cuts.set(count, shards);
    return shards;
  }

  #cut(count: number): readonly ShardContent[] {
    const { lists, now } = this.#options;
    const shards = Array.from({ length: count }, (_, index) => {
      const kinds = new Map(
        [...lists].map(([kind, { revision }]) => [kind, new KindContent(revision, now())] as const),
      );
      return new ShardContent({ index, count }, kinds, (kind) => this.#filled.has(kind));
    });
    for (const [kind, list] of lists) {
      for (const { key, name, resource } of list.all()) shards[shardIndexOf(key, count)]?.of(kind)?.set(name, resource);
    }
    return shards;
  }
}
