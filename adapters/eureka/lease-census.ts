import { isRecord } from '../../core/model/is-record.js';
import { Fields, listOf } from './fields.js';

/** A server evicts after twice the lease, once a minute, and not all at once. */
const slackMs = 180_000;
/** Part of the leases that must be overdue to tell of a server that does not evict, and not of one that is about to. */
const conspicuousShare = 0.1;

/**
 * Counts leases of a whole listing that have run out long ago. A server that evicts lists none such, or few; one in
 * self-preservation does. All times are of the server's clock, and of one moment: when it made up its answer.
 */
export class LeaseCensus {
  readonly #deadlinesMs: number[] = [];
  #newestMs = 0;

  /** Leases counted. */
  get count(): number {
    return this.#deadlinesMs.length;
  }

  /** Takes one application of a listing, as parsed. Never throws. */
  add(application: unknown): void {
    if (!isRecord(application)) return;
    for (const instance of listOf(application['instance'])) {
      const lease = new Fields(isRecord(instance) ? instance : {}).record('leaseInfo');
      const seconds = lease.number('durationInSecs');
      const seenMs = Math.max(lease.number('registrationTimestamp'), lease.number('lastRenewalTimestamp'));
      if (seconds === 0 || seenMs === 0) continue;
      this.#deadlinesMs.push(seenMs + 2 * seconds * 1000 + slackMs);
      if (seenMs > this.#newestMs) this.#newestMs = seenMs;
    }
  }

  /** @returns how many of how many leases are overdue; undefined when they are too few to tell anything */
  overdue(): { readonly overdue: number; readonly leases: number } | undefined {
    const leases = this.#deadlinesMs.length;
    const overdue = this.#deadlinesMs.filter((deadlineMs) => deadlineMs < this.#newestMs).length;
    return overdue > 0 && overdue >= leases * conspicuousShare ? { overdue, leases } : undefined;
  }
}
