import { type InstanceRecord, recordKey } from './convert.js';
import type { GoneInstance } from './tombstone-records.js';

interface Tombstone extends GoneInstance {
  /** In which unbroken reading of one server it was told. */
  readonly reading: number;
}

const maxTombstones = 20_000;
/** Of an earlier process. */
const earlierReading = -1;
/** What is restored is kept for that much longer at least: the clock may have been set meanwhile. */
const restoredKeepMs = 60_000;
/** What was told longer ago, by the clock, is not restored. */
const maxRestoredAgeMs = 3_600_000;

/**
 * Instances that were told to be gone. Another server, or the same one after it was away, may list them still: one that
 * lags behind its peers, or was cut off from them. Such an instance stays away for a bounded time, unless the record is
 * of a later registration, or the server has heard of the instance since it was told gone.
 */
export class Tombstones {
  readonly #keepMs: number;
  readonly #tombstones = new Map<string, Tombstone>();
  readonly #covered = new Map<string, Set<string>>();
  #reading = 0;
  readonly #onTold: () => void;

  /**
   * @param keepMs how long an instance is kept away at most
   * @param onTold called for each that is told gone, so that it can be written down. Cheap, please
   */
  constructor(keepMs: number, onTold: () => void = () => undefined) {
    this.#keepMs = keepMs;
    this.#onTold = onTold;
  }

  /** All that is known, as a copy, for {@link restore} of a later process. */
  list(): readonly GoneInstance[] {
    return [...this.#tombstones.values()];
  }

  /** Takes over what an earlier process knew. Only before anything is noted. */
  restore(gone: readonly GoneInstance[], nowMs: number): void {
    const young = gone.filter(({ toldMs }) => nowMs - toldMs < maxRestoredAgeMs);
    const latestMs = nowMs - this.#keepMs + Math.min(restoredKeepMs, this.#keepMs);
    const told = young.map((instance) => ({
      ...instance,
      toldMs: Math.min(nowMs, Math.max(instance.toldMs, latestMs)),
    }));
    for (const instance of told.sort((one, other) => one.toldMs - other.toldMs).slice(-maxTombstones)) {
      this.#tombstones.set(recordKey(instance), { ...instance, reading: earlierReading });
    }
  }

  /** How many instances that the registry lists are kept away. */
  get coveredCount(): number {
    let count = 0;
    for (const ids of this.#covered.values()) count += ids.size;
    return count;
  }

  /** From now on another server is read, or the same one after a gap: what it says of old may be older than we know. */
  beginReading(): void {
    this.#reading++;
  }

  /** A whole listing begins: what it lists of those that are gone is to be {@link note}d anew. */
  beginListing(nowMs: number): void {
    this.#covered.clear();
    this.#letGo(nowMs);
  }

  /** Whether anything is known of an instance, so that what a listing says of it is to be {@link note}d. */
  has(record: InstanceRecord): boolean {
    return this.#tombstones.size > 0 && this.#tombstones.has(recordKey(record));
  }

  /**
   * Takes over what a server says of an instance. Call in the order in which it is told.
   * @returns whether the instance was kept away until now and is no longer
   */
  note(record: InstanceRecord, nowMs: number): boolean {
    const key = recordKey(record);
    if (record.deleted) return this.#bury(key, record, nowMs);
    if (this.#tombstones.size === 0) return false;
    if (this.#isCovered(key, record)) {
      this.#cover(record);
      return false;
    }
    this.#tombstones.delete(key);
    return this.#uncover(record);
  }

  /** Ends what was kept away long enough. @returns names of the applications that have to be published anew */
  expire(nowMs: number): readonly string[] {
    if (this.#covered.size === 0) return [];
    this.#letGo(nowMs);
    const changed: string[] = [];
    for (const [application, ids] of this.#covered) {
      const before = ids.size;
      for (const id of ids) if (!this.#tombstones.has(recordKey({ application, id }))) ids.delete(id);
      if (ids.size < before) changed.push(application);
      if (ids.size === 0) this.#covered.delete(application);
    }
    return changed;
  }

  /** Ids of the instances of an application that are kept away; undefined when there are none. */
  covered(application: string): ReadonlySet<string> | undefined {
    return this.#covered.get(application);
  }

  #bury(key: string, record: InstanceRecord, nowMs: number): boolean {
    const known = this.#tombstones.get(key);
    const uncovered = this.#uncover(record);
    // A server tells of an end for minutes; the first time counts.
    if (known && known.dirtyMs === record.dirtyMs && known.endedMs === record.seenMs) return uncovered;
    this.#tombstones.delete(key);
    this.#onTold();
    this.#tombstones.set(key, {
      ...{ application: record.application, id: record.id },
      dirtyMs: record.dirtyMs,
      endedMs: record.seenMs,
      toldMs: nowMs,
      reading: this.#reading,
    });
    const [oldest] = this.#tombstones.size > maxTombstones ? this.#tombstones.keys() : [];
    if (oldest !== undefined) this.#tombstones.delete(oldest);
    return uncovered;
  }

  #isCovered(key: string, record: InstanceRecord): boolean {
    const tombstone = this.#tombstones.get(key);
    return (
      tombstone !== undefined &&
      tombstone.reading !== this.#reading &&
      record.dirtyMs <= tombstone.dirtyMs &&
      record.seenMs <= tombstone.endedMs
    );
  }

  #cover({ application, id }: InstanceRecord): void {
    const ids = this.#covered.get(application) ?? new Set();
    this.#covered.set(application, ids.add(id));
  }

  #uncover({ application, id }: InstanceRecord): boolean {
    const ids = this.#covered.get(application);
    const uncovered = ids?.delete(id) === true;
    if (ids?.size === 0) this.#covered.delete(application);
    return uncovered;
  }

  #letGo(nowMs: number): void {
    for (const [key, { toldMs }] of this.#tombstones) {
      if (nowMs - toldMs < this.#keepMs) return;
      this.#tombstones.delete(key);
    }
  }
}
