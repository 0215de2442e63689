import type { Service } from '../model/index.js';

/** One configured registry that is read. Made by an adapter, run by the supervisor. */
export interface Source {
  /**
   * Publishes until `signal` aborts, then settles within a second and leaves no timer, socket or watch behind.
   * A rejection means: restart me with back-off; what was published stays. Resolving before abort is a bug and
   * treated as a rejection. Each run begins with a whole listing (`replaceAll`).
   */
  run(out: SourceOutput, signal: AbortSignal): Promise<void>;
}

/** Synchronous, coalescing by service name, inert after abort. */
export interface SourceOutput {
  /** The complete state; what is not listed is gone. The first call marks the source synced. Never a partial listing. */
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
}
