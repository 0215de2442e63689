import type { InstanceRecord } from './convert.js';

interface Tombstone {
  /** `lastDirtyTimestamp` of the registration that ended. */
  readonly dirtyMs: number;
  /** When it ended, by the clock of the server that said so. */
  readonly endedMs: number;
  /** When we heard of it. */
  readonly toldMs: number;
  /** In which unbroken reading of one server it was told. */
  readonly reading: number;
}

const maxTombstones = 20_000;
const separator = '\u0000';

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

  /** @param keepMs how long an instance is kept away at most */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
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
  has({ application, id }: InstanceRecord): boolean {
    return this.#tombstones.size > 0 && this.#tombstones.has(application + separator + id);
  }

  /**
   * Takes over what a server says of an instance. Call in the order in which it is told.
   * @returns whether the instance was kept away until now and is no longer
   */
  note(record: InstanceRecord, nowMs: number): boolean {
    const key = record.application + separator + record.id;
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
      for (const id of ids) if (!this.#tombstones.has(application + separator + id)) ids.delete(id);
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
    this.#tombstones.set(key, {
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
