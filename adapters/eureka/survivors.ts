import type { InstanceRecord } from './convert.js';
import type { RegistryView } from './registry-view.js';
import type { ServiceRecords } from './service-records.js';
import type { Tombstones } from './tombstones.js';

/** What the registry lists without what is known to be gone; a service is an application. */
export class Survivors implements ServiceRecords {
  readonly #view: RegistryView;
  readonly #tombstones: Tombstones;

  constructor(view: RegistryView, tombstones: Tombstones) {
    this.#view = view;
    this.#tombstones = tombstones;
  }

  names(): Iterable<string> {
    return this.#view.names();
  }

  records(application: string): ReadonlyMap<string, InstanceRecord> {
    const records = this.#view.records(application);
    const covered = this.#tombstones.covered(application);
    if (!covered) return records;
    return new Map([...records].filter(([id]) => !covered.has(id)));
  }

  /** @returns the services that a changed application is part of */
  refresh(application: string): readonly string[] {
    return [application];
  }
}
