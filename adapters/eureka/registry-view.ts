import type { InstanceRecord } from './convert.js';
import { isOvertaken, saysSame, takeOver } from './same-record.js';
import { noRecords, type ServiceRecords } from './service-records.js';

export interface ApplicationRecords {
  readonly name: string;
  readonly records: readonly InstanceRecord[];
}

/** What the registry holds as far as listings and deltas tell, with the hash that a server would compute of it. */
export class RegistryView implements ServiceRecords {
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
    return this.#applications.get(application) ?? noRecords;
  }

  /** Adds what a listing says. */
  add({ name, records }: ApplicationRecords): void {
    for (const record of records) this.#put(name, record);
  }

  /**
   * Applies one application of a delta, in the order given: the same change comes again and again while the server
   * remembers it, and a later one of the same instance comes after it. A server answers deltas and listings out of two
   * caches, of which each can be the older one: a change that what is known has overtaken already does nothing.
   * @returns whether anything is different now
   */
  apply({ name, records }: ApplicationRecords): boolean {
    let changed = false;
    for (const record of records) {
      const known = this.#applications.get(name)?.get(record.id);
      if (known && isOvertaken(record, known)) continue;
      if (record.deleted ? this.#delete(name, record.id) : this.#put(name, record)) changed = true;
    }
    return changed;
  }

  /** Whether a change that a server tells is in this view, or one after it, by the server's own clock. */
  knows({ application, id, deleted, updatedMs }: InstanceRecord): boolean {
    const known = this.records(application).get(id);
    return known ? known.updatedMs >= updatedMs : deleted;
  }

  /** Those of the records whose instances this view does not have. */
  without({ name, records }: ApplicationRecords): ApplicationRecords {
    const known = this.records(name);
    return { name, records: records.filter(({ id }) => !known.has(id)) };
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

  #put(application: string, record: InstanceRecord): boolean {
    let records = this.#applications.get(application);
    if (!records) {
      records = new Map();
      this.#applications.set(application, records);
    }
    const current = records.get(record.id);
    const reference = current ?? this.#before?.records(application).get(record.id);
    const kept = reference ? takeOver(reference, record) : record;
    if (current && saysSame(current, kept)) {
      records.set(kept.id, kept);
      return false;
    }
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
