import type { Service } from '../../core/plugin/index.js';
import { buildService, isServiceName, type ServiceOptions } from './build-service.js';
import type { InstanceRecord } from './convert.js';
import type { RegistryView } from './registry-view.js';

export interface RetentionOptions extends ServiceOptions {
  /** How long an instance stays that is missing with no deletion reported. */
  readonly missingGraceMs: number;
  /** How long an application with no instance stays known. */
  readonly forgetEmptyAfterMs: number;
}

interface Missing {
  readonly record: InstanceRecord;
  readonly untilMs: number;
}

interface Application {
  service: Service;
  /** When its last instance went; undefined while it has one. */
  emptySinceMs: number | undefined;
  /** Instances that a listing lacked, by id. */
  readonly missing: Map<string, Missing>;
}

/** What has to be published after time has passed. */
export interface Expiry {
  readonly upserts: readonly Service[];
  readonly removes: readonly string[];
}

/**
 * What is published of the registry, and what the registry itself forgets. Eureka keeps no application without an
 * instance, and a restarted server begins with nothing: so an application whose instances have gone stays as an empty
 * service for a while, and an instance that is merely absent stays for the time a lease would have lasted.
 */
export class KnownApplications {
  readonly #options: RetentionOptions;
  readonly #applications = new Map<string, Application>();
  /** Names of those with missing instances or none at all, so that looking for what is due costs no walk over all. */
  readonly #waiting = new Set<string>();
  #missingCount = 0;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Instances that are published although the last listing lacked them. */
  get missingCount(): number {
    return this.#missingCount;
  }

  get serviceCount(): number {
    return this.#applications.size;
  }

  services(): Service[] {
    return [...this.#applications.values()].map(({ service }) => service);
  }

  /**
   * Takes over a complete listing.
   * @param before what was known until now
   * @param isDeleted whether the registry said that this instance is gone, so that it is not kept as missing
   */
  list(
    view: RegistryView,
    before: RegistryView,
    isDeleted: (application: string, id: string) => boolean,
    nowMs: number,
  ) {
    const untilMs = nowMs + this.#options.missingGraceMs;
    for (const [name, application] of this.#applications) {
      const current = view.records(name);
      for (const [id, record] of before.records(name)) {
        if (this.#options.missingGraceMs === 0 || current.has(id) || isDeleted(name, id)) continue;
        if (record.outcome.kind === 'instance' && !application.missing.has(id)) {
          application.missing.set(id, { record, untilMs });
          this.#missingCount++;
        }
      }
      for (const id of application.missing.keys()) if (isDeleted(name, id)) this.#dropMissing(application, id);
    }
    for (const name of new Set([...view.names(), ...this.#applications.keys()])) {
      const application = this.#applications.get(name);
      const isSame = application?.missing.size === 0 && sameRecords(view.records(name), before.records(name));
      if (!isSame || application.emptySinceMs !== undefined) this.update(name, view, nowMs);
    }
  }

  /** Takes over the deletion of one instance that may be known as missing. */
  forgetMissing(name: string, id: string): boolean {
    const application = this.#applications.get(name);
    return application !== undefined && this.#dropMissing(application, id);
  }

  /** Builds one application anew. @returns undefined when its name cannot be that of a service */
  update(name: string, view: RegistryView, nowMs: number): Service | undefined {
    if (!isServiceName(name)) return undefined;
    const known = this.#applications.get(name);
    const records = view.records(name);
    if (known) for (const id of records.keys()) this.#dropMissing(known, id);
    const missing = [...(known?.missing.values() ?? [])].map(({ record }) => record);
    const service = buildService(name, [...records.values(), ...missing], this.#options, known?.service);
    const isEmpty = records.size === 0 && missing.length === 0;
    const emptySinceMs = isEmpty ? (known?.emptySinceMs ?? nowMs) : undefined;
    if (known) Object.assign(known, { service, emptySinceMs });
    else this.#applications.set(name, { service, emptySinceMs, missing: new Map() });
    if (isEmpty || missing.length > 0) this.#waiting.add(name);
    else this.#waiting.delete(name);
    return service;
  }

  /** Lets go of what was kept long enough. Call only after the registry has answered: silence ends nothing. */
  expire(view: RegistryView, nowMs: number): Expiry {
    const upserts: Service[] = [];
    const removes: string[] = [];
    for (const name of [...this.#waiting]) {
      const application = this.#applications.get(name);
      if (!application) continue;
      const due = [...application.missing].filter(([, { untilMs }]) => untilMs <= nowMs);
      for (const [id] of due) this.#dropMissing(application, id);
      if (due.length > 0) {
        const service = this.update(name, view, nowMs);
        if (service) upserts.push(service);
      } else if (
        application.emptySinceMs !== undefined &&
        nowMs - application.emptySinceMs >= this.#options.forgetEmptyAfterMs
      ) {
        this.#applications.delete(name);
        this.#waiting.delete(name);
        removes.push(name);
      }
    }
    return { upserts, removes };
  }

  #dropMissing(application: Application, id: string): boolean {
    const dropped = application.missing.delete(id);
    if (dropped) this.#missingCount--;
    return dropped;
  }
}

/** Whether these are the very same records; a view takes them over from the one before where nothing changed. */
function sameRecords(a: ReadonlyMap<string, InstanceRecord>, b: ReadonlyMap<string, InstanceRecord>): boolean {
  if (a.size !== b.size) return false;
  for (const [id, record] of a) if (b.get(id) !== record) return false;
  return true;
}
