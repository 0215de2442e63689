import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Catalog, CatalogService } from '../catalog/catalog.js';
import type { HostChange } from '../catalog/change-cause.js';
import { RecordError } from '../store/model-records.js';
import { deltaOf } from './delta.js';
import { type ChangeEntry, type HistoryEntry, type HostDelta, isChange, type MarkEntry } from './entry.js';
import { type EntryPosition, HistoryRangeError, HistoryReader, type HostFilter } from './history-reader.js';
import { type HistoryOptions, type HistoryStatus, HistoryWriter } from './history-writer.js';

/** Questions at a time: each may hold a catalog in memory. */
const maxReaders = 2;
/** Questions that wait. */
const maxWaiting = 16;
/** How long a question waits for what is not on disk yet. */
const flushMs = 1000;
/** Entries told of one host in a comparison. */
const maxEntriesOfHost = 100;

/** More questions wait than are answered. */
export class HistoryBusyError extends Error {
  override readonly name = 'HistoryBusyError';
}

export interface EntryQuery {
  readonly fromMs: number;
  readonly toMs: number;
  /** Default: all. */
  readonly wants?: HostFilter;
  /** Goes on after this entry. */
  readonly after?: EntryPosition;
}

export interface EntryPage {
  readonly items: readonly HistoryEntry[];
  /** Where the next page goes on; absent on the last. */
  readonly next?: EntryPosition;
}

export interface DifferenceQuery {
  readonly fromMs: number;
  readonly toMs: number;
  /** Default: all. */
  readonly wants?: HostFilter;
  /** Hosts at most. */
  readonly limit: number;
  /** Goes on after this host. */
  readonly after?: string;
}

/** What differs of one host between two moments. */
export interface HostDifference extends HostDelta {
  readonly host: string;
  /** What happened to it between them, the last hundred. */
  readonly entries: readonly ChangeEntry[];
}

export interface Difference {
  readonly hosts: readonly HostDifference[];
  /** Starts, stops and gaps between the two moments. */
  readonly marks: readonly MarkEntry[];
  /** Whether hosts follow that are not here. */
  readonly hasMore: boolean;
}

const all: HostFilter = () => true;

/**
 * The catalog's past: what changed, why and when, and how it was at a time. Bounded by size and age; older files go.
 * Reading takes time and memory of the catalog's order, so few are read for at once, and other work goes on between.
 */
export class History {
  readonly #writer: HistoryWriter;
  readonly #reader: HistoryReader;
  readonly #limit = pLimit(maxReaders);

  constructor(options: HistoryOptions) {
    this.#writer = new HistoryWriter(options);
    this.#reader = new HistoryReader(() => this.#writer.segments);
  }

  /** Takes what changed; for `onChanged` of the catalog. Nothing is recorded before the catalog is ready. */
  record(changes: readonly HostChange[]): void {
    this.#writer.record(changes);
  }

  /** Records until `signal` aborts, then writes what is left. Never rejects. */
  run(catalog: Catalog, signal: AbortSignal): Promise<void> {
    return this.#writer.run(catalog, signal);
  }

  status(): HistoryStatus {
    return this.#writer.status();
  }

  /** Resolves when what there is now is on disk. @throws what the file system throws */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /**
   * The hosts as they were at a time.
   * @throws HistoryRangeError when that is not known, HistoryBusyError, what the file system throws, the signal's reason
   */
  at(atMs: number, signal: AbortSignal, wants: HostFilter = all): Promise<ReadonlyMap<string, CatalogService>> {
    return this.#read(signal, () => this.#reader.statesAt(atMs, wants, signal));
  }

  /** What happened, in order, up to `limit` entries. Throws as {@link at} */
  page({ fromMs, toMs, wants = all, after }: EntryQuery, limit: number, signal: AbortSignal): Promise<EntryPage> {
    return this.#read(signal, async () => {
      const items: HistoryEntry[] = [];
      let last: EntryPosition | undefined;
      for await (const { entry, position } of this.#reader.entries(fromMs, toMs, wants, signal, after)) {
        if (items.length >= limit) return { items, ...(last ? { next: last } : {}) };
        items.push(entry);
        last = position;
      }
      return { items };
    });
  }

  /** What differs between two moments, by host, and what happened in between. Throws as {@link at} */
  difference(query: DifferenceQuery, signal: AbortSignal): Promise<Difference> {
    const { fromMs, toMs, wants = all, limit, after = '' } = query;
    return this.#read(signal, async () => {
      const before = (await this.#reader.versionsAt(fromMs, signal)).versions;
      const now = (await this.#reader.versionsAt(toMs, signal)).versions;
      const differing: string[] = [];
      for (const [host, version] of now) if (before.get(host) !== version) differing.push(host);
      for (const host of before.keys()) if (!now.has(host)) differing.push(host);
      const wanted = differing.filter((host) => host > after && wants(host)).sort();
      const page = wanted.slice(0, limit);
      const hosts = new Set(page);
      const isOnPage: HostFilter = (host) => hosts.has(host);
      const { entries, marks } = await this.#between(fromMs, toMs, isOnPage, signal);
      if (page.length === 0) return { hosts: [], marks, hasMore: false };
      const [from, to] = [
        await this.#reader.statesAt(fromMs, isOnPage, signal),
        await this.#reader.statesAt(toMs, isOnPage, signal),
      ];
      return {
        hosts: page.map((host) => ({
          host,
          ...deltaOf(from.get(host), to.get(host)),
          entries: entries.get(host) ?? [],
        })),
        marks,
        hasMore: wanted.length > page.length,
      };
    });
  }

  async #between(fromMs: number, toMs: number, wants: HostFilter, signal: AbortSignal) {
    const entries = new Map<string, ChangeEntry[]>();
    const marks: MarkEntry[] = [];
    for await (const { entry } of this.#reader.entries(fromMs + 1, toMs, wants, signal)) {
      if (!isChange(entry)) {
        marks.push(entry);
        continue;
      }
      const known = entries.get(entry.host) ?? [];
      if (known.push(entry) > maxEntriesOfHost) known.shift();
      entries.set(entry.host, known);
    }
    return { entries, marks: marks.slice(-maxEntriesOfHost) };
  }

  async #read<T>(signal: AbortSignal, read: () => Promise<T>): Promise<T> {
    if (this.#limit.pendingCount >= maxWaiting) throw new HistoryBusyError('too many questions wait for the history');
    return this.#limit(async () => {
      signal.throwIfAborted();
      await this.#settle(signal);
      try {
        return await read();
      } catch (error) {
        throw error instanceof RecordError ? new HistoryRangeError('the history is damaged there') : error;
      }
    });
  }

  /** What changed just now is to be there; a disk that is slow or full keeps nobody. */
  async #settle(signal: AbortSignal): Promise<void> {
    const written = new AbortController();
    const any = AbortSignal.any([signal, written.signal]);
    await Promise.race([
      this.#writer.flush().catch(() => undefined), // shown in the status
      delay(flushMs, undefined, { signal: any }).catch(() => undefined),
    ]);
    written.abort();
    signal.throwIfAborted();
  }
}
