import type { Consumer, Service } from '../model/index.js';
import type { AuditReport } from './audit-report.js';

/** One configured registry that is read. Made by an adapter, run by the supervisor. */
export interface Source {
  /**
   * Publishes until `signal` aborts, then settles within a second and leaves no timer, socket or watch behind.
   * A rejection means: restart me with back-off; what was published stays. Resolving before abort is a bug and
   * treated as a rejection. Each run begins with a whole listing (`replaceAll`).
   */
  run(out: SourceOutput, signal: AbortSignal): Promise<void>;
  /**
   * Reads everything again, beside the watches, compares it with what is published and publishes what differs, as the
   * scheduled audit does. Called only while a run goes on, one at a time.
   * @throws Error when it could not be read whole: nothing was compared, and nothing is changed for that reason
   */
  audit?(signal: AbortSignal): Promise<AuditReport>;
  /**
   * The registry's own records behind a published service, read now, for `isthmus why`: at most 1000.
   * @param service its `Service.name`
   * @throws Error when they cannot be read
   */
  records?(service: string, signal: AbortSignal): Promise<readonly SourceRecord[]>;
}

/** One record as the registry holds it. */
export interface SourceRecord {
  /** Where it stands: a path, a key, an id. */
  readonly id: string;
  /** `Instance.id` of what was made of it; absent when it is about the service as a whole, or was left out. */
  readonly instance?: string;
  /** The registry's own revision of it (zxid, ModifyIndex, lastDirtyTimestamp, …). */
  readonly revision?: string;
  /** The record, printable, with every secret replaced by `[secret]`; at most 4 KiB. */
  readonly text: string;
}

/** Synchronous, coalescing by service name, inert after abort. */
export interface SourceOutput {
  /**
   * What is published of the source at this moment, by name, as it was said last: in this run, in an earlier one, or
   * before a restart. At the beginning of a run, it is what to go by where the registry cannot be read yet: a whole
   * listing has it in the place of what could not be read, and that place is `degraded`.
   */
  published(): ReadonlyMap<string, Service>;
  /**
   * The complete state; what is not listed is gone. The first call marks the source synced. Never a partial listing: what
   * could not be read stands in it as it was {@link published}.
   */
  replaceAll(services: Iterable<Service>): void;
  /** One service, whole; empty `instances` is an empty service, not a removal. */
  upsert(service: Service): void;
  /** The registry said explicitly that the service is gone. Never because a read failed. */
  remove(name: string): void;
  /**
   * What was published may be stale from now on; nothing is removed. `scope` narrows it to a namespace, datacenter or
   * service. It lasts until `recovered` of that scope, or the next `replaceAll`, which ends all.
   */
  degraded(reason: Error, scope?: string): void;
  /** The reason given to `degraded` for this scope (or for the whole source) is over. */
  recovered(scope?: string): void;
  /**
   * What operators should know of the registry for as long as it lasts, though what is read is whole: a server in
   * self-preservation, answers filtered by rights. Takes the place of the notice with this key; undefined ends it.
   */
  notice(key: string, text: string | undefined): void;
  /**
   * Who declares to consume a service, whole: an edge a consumer of the service map. Empty: nobody. `service` is a
   * service's name, or of one that has no provider. Keeps until it is said anew, over runs and listings.
   */
  consumers(service: string, consumers: readonly Consumer[]): void;
  /** A scheduled audit has ended; what differed is published by now. */
  audited(report: AuditReport): void;
}
