import { sameInstance } from '../../core/plugin/index.js';
import type { InstanceRecord } from './convert.js';

export interface ApplicationRecords {
  readonly name: string;
  readonly records: readonly InstanceRecord[];
}

const none: ReadonlyMap<string, InstanceRecord> = new Map();

/** What the registry holds as far as listings and deltas tell, with the hash that a server would compute of it. */
export class RegistryView {
  readonly #applications = new Map<string, Map<string, InstanceRecord>>();
  readonly #statusCounts = new Map<string, number>();
  #before: RegistryView | undefined;
  #instances = 0;

  /** @param before the view that this one follows; records that say the same are taken over from it */
  constructor(before?: RegistryView) {
    this.#before = before;
  }

  get instanceCount(): number {
    return this.#instances;
  }

  names(): IterableIterator<string> {
    return this.#applications.keys();
  }

  /** The instances of an application by id; none when it is not known. */
  records(application: string): ReadonlyMap<string, InstanceRecord> {
    return this.#applications.get(application) ?? none;
  }

  /** Adds what a listing says. */
  add({ name, records }: ApplicationRecords): void {
    for (const record of records) this.#put(name, record);
  }

  /**
   * Applies one application of a delta, in the order given: the same change comes again and again while the server
   * remembers it, and a later one of the same instance comes after it.
   * @returns whether anything is different now
   */
  apply({ name, records }: ApplicationRecords): boolean {
    let changed = false;
    for (const record of records) {
      if (record.deleted ? this.#delete(name, record.id) : this.#put(name, record)) changed = true;
    }
    return changed;
  }

  /** `apps__hashcode` of this view, as `Applications.getReconcileHashCode` of Eureka's own client computes it. */
  hash(): string {
    const statuses = [...this.#statusCounts.keys()].sort();
    return statuses.map((status) => `${status}_${this.#statusCounts.get(status)}_`).join('');
  }

  /** Lets go of the view before, once this one is complete. */
  detach(): void {
    this.#before = undefined;
  }

  /** How many instances are new, gone or different against `other`. */
  differences(other: RegistryView): number {
    let count = 0;
    for (const name of new Set([...this.names(), ...other.names()])) {
      const mine = this.records(name);
      const theirs = other.records(name);
      for (const [id, record] of mine) if (theirs.get(id) !== record) count++;
      for (const id of theirs.keys()) if (!mine.has(id)) count++;
    }
    return count;
  }

  #put(application: string, record: InstanceRecord): boolean {
    let records = this.#applications.get(application);
    if (!records) {
      records = new Map();
      this.#applications.set(application, records);
    }
    const current = records.get(record.id);
    const reference = current ?? this.#before?.records(application).get(record.id);
    const kept = reference ? reuse(reference, record) : record;
    if (kept === current) return false;
    if (current) this.#count(current.status, -1);
    else this.#instances++;
    this.#count(kept.status, 1);
    records.set(kept.id, kept);
    return true;
  }

  #delete(application: string, id: string): boolean {
    const records = this.#applications.get(application);
    const current = records?.get(id);
    if (!records || !current) return false;
    records.delete(id);
    if (records.size === 0) this.#applications.delete(application);
    this.#count(current.status, -1);
    this.#instances--;
    return true;
  }

  #count(status: string, change: 1 | -1): void {
    const count = (this.#statusCounts.get(status) ?? 0) + change;
    if (count === 0) this.#statusCounts.delete(status);
    else this.#statusCounts.set(status, count);
  }
}

/** The known record when the new one says the same, so that what did not change stays the very same object. */
function reuse(known: InstanceRecord, record: InstanceRecord): InstanceRecord {
  const sameRest =
    known.status === record.status &&
    known.vipAddress === record.vipAddress &&
    known.secureVipAddress === record.secureVipAddress;
  return sameRest && sameOutcome(known, record) ? known : record;
}

function sameOutcome({ outcome: a }: InstanceRecord, { outcome: b }: InstanceRecord): boolean {
  if (a.kind === 'instance') {
    return b.kind === 'instance' && a.plainProtocol === b.plainProtocol && sameInstance(a.instance, b.instance);
  }
  return b.kind === 'rejected' && a.reason === b.reason && a.record === b.record;
}
