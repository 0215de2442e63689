import type { XdsResource } from './xds-resource.js';

/** A stream as the cache sees it. */
export interface CacheStream {
  /** Set while the stream waits to be flushed. */
  touched: boolean;
  /** Tells the client what it lacks, as far as it may be written to. */
  flush(): void;
}

/** What one stream reads of one type. */
export interface ResourceReader {
  readonly stream: CacheStream;
  /** `node.cluster` of the client: which gateway's wildcard resources it gets. */
  readonly gateway: string;
  /**
   * A resource that it reads is other than before; `before` and `after` are undefined where it is none, or is not part
   * of what it reads.
   */
  onChanged(name: string, before: XdsResource | undefined, after: XdsResource | undefined, revision: number): void;
}

/** A name that a resource has, or a reader asks for. */
interface Entry {
  readonly name: string;
  resource: XdsResource | undefined;
  /** Of the cache, when the resource was last set or deleted. */
  revision: number;
  /** Each once. A list, for there are as many of these as names, and a set takes three times as much. */
  readers: ResourceReader[] | undefined;
}

/** Gateways whose wildcards are kept in order at a time. */
const maxSorted = 64;

export function byName(a: XdsResource, b: XdsResource): number {
  return a.name < b.name ? -1 : 1;
}

/** Whether a resource is part of the wildcard of a gateway's clients. */
export function inWildcard({ wildcard }: XdsResource, gateway: string): boolean {
  return typeof wildcard === 'string' ? wildcard === 'all' : wildcard.gateway === gateway;
}

/** The resources of one type, indexed by who reads them. */
export class ResourceType {
  readonly #entries = new Map<string, Entry>();
  /** Readers of the wildcard, by their gateway. */
  readonly #wildcards = new Map<string, Set<ResourceReader>>();
  /** Wildcards of gateways as they are now, by name; made when first asked for. */
  readonly #sorted = new Map<string, readonly XdsResource[]>();
  /** Subscriptions that may add readers. */
  holders = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  entry(name: string): Readonly<Entry> | undefined {
    return this.#entries.get(name);
  }

  *resources(): Generator<XdsResource> {
    for (const { resource } of this.#entries.values()) if (resource) yield resource;
  }

  /** All that a gateway's wildcard has, by name; the same array as long as nothing of the type changes. */
  inWildcardOf(gateway: string): readonly XdsResource[] {
    const known = this.#sorted.get(gateway);
    if (known) return known;
    const sorted = [...this.resources()].filter((resource) => inWildcard(resource, gateway)).sort(byName);
    // Clients choose the name of their gateway.
    if (this.#sorted.size >= maxSorted) this.#sorted.clear();
    this.#sorted.set(gateway, sorted);
    return sorted;
  }

  /**
   * Reads one name, whether or not it is there. A reader reads no name twice.
   * @returns the name as all share it: to hold a copy for each client that asks for everything would be megabytes
   */
  addReader(name: string, reader: ResourceReader): string {
    const entry = this.#entries.get(name) ?? this.#add(name);
    entry.readers ??= [];
    entry.readers.push(reader);
    return entry.name;
  }

  removeReader(name: string, reader: ResourceReader): void {
    const entry = this.#entries.get(name);
    const at = entry?.readers?.indexOf(reader) ?? -1;
    if (!entry?.readers || at < 0) return;
    const last = entry.readers.pop();
    if (last && last !== reader) entry.readers[at] = last;
    if (entry.readers.length > 0) return;
    entry.readers = undefined;
    if (!entry.resource) this.#entries.delete(name);
  }

  addWildcardReader(reader: ResourceReader): void {
    const readers = this.#wildcards.get(reader.gateway) ?? new Set();
    this.#wildcards.set(reader.gateway, readers.add(reader));
  }

  removeWildcardReader(reader: ResourceReader): void {
    const readers = this.#wildcards.get(reader.gateway);
    if (readers?.delete(reader) && readers.size === 0) this.#wildcards.delete(reader.gateway);
  }

  /** Sets a resource, or deletes it, and marks it with its readers. @returns whether it is other than before. */
  put(name: string, after: XdsResource | undefined, revision: number, touch: (stream: CacheStream) => void): boolean {
    const entry = this.#entries.get(name) ?? (after && this.#add(name));
    const before = entry?.resource;
    if (!entry || (before === undefined && after === undefined) || isSame(before, after)) return false;
    this.#sorted.clear();
    entry.resource = after;
    entry.revision = revision;
    this.#size += Number(after !== undefined) - Number(before !== undefined);
    for (const reader of entry.readers ?? []) {
      reader.onChanged(name, before, after, revision);
      touch(reader.stream);
    }
    this.#tellWildcards(name, before, after, revision, touch);
    if (!after && !entry.readers) this.#entries.delete(name);
    return true;
  }

  #tellWildcards(
    name: string,
    before: XdsResource | undefined,
    after: XdsResource | undefined,
    revision: number,
    touch: (stream: CacheStream) => void,
  ): void {
    for (const gateway of this.#gatewaysOf(before, after)) {
      const readers = this.#wildcards.get(gateway);
      if (!readers) continue;
      const had = before && inWildcard(before, gateway) ? before : undefined;
      const has = after && inWildcard(after, gateway) ? after : undefined;
      if (!had && !has) continue;
      for (const reader of readers) {
        reader.onChanged(name, had, has, revision);
        touch(reader.stream);
      }
    }
  }

  #gatewaysOf(...resources: readonly (XdsResource | undefined)[]): Iterable<string> {
    const gateways = new Set<string>();
    for (const resource of resources) {
      if (!resource || resource.wildcard === 'none') continue;
      if (resource.wildcard === 'all') return this.#wildcards.keys();
      gateways.add(resource.wildcard.gateway);
    }
    return gateways;
  }

  #add(name: string): Entry {
    const entry: Entry = { name, resource: undefined, revision: 0, readers: undefined };
    this.#entries.set(name, entry);
    return entry;
  }
}

function isSame(a: XdsResource | undefined, b: XdsResource | undefined): boolean {
  if (a?.version !== b?.version || !a || !b) return false;
  if (typeof a.wildcard === 'string' || typeof b.wildcard === 'string') return a.wildcard === b.wildcard;
  return a.wildcard.gateway === b.wildcard.gateway;
}
