import type { Endpoints } from './entry.js';
import type { Invariant, Violation } from './violation.js';

/** A change that was made while the way from the registry to us was healthy, and how long it took to be published. */
export interface Latency {
  readonly registry: string;
  readonly change: 'removal' | 'other';
  readonly ms: number;
  /** Whether another registry was under a fault meanwhile. */
  readonly besideFault: boolean;
}

/** Instances that a registry let go of together. */
interface Loss {
  /** Before this time they must be held, after it they may go. */
  readonly heldUntilMs: number;
  /** How many more may go before. */
  allowance: number;
}

/** A change to be timed. */
interface Pending {
  readonly confirmedMs: number;
  readonly besideFault: boolean;
}

interface Record {
  readonly registry: string;
  readonly host: string;
  readonly target: string;
  wanted: boolean;
  weight: number;
  /** Of its first registration since it was wanted last. A lower one is of before, and its removal may yet be to come. */
  firstWeight: number;
  /** Published since it was wanted last: from now on it must not be missing. */
  shielded: boolean;
  /** Seen to be gone since it was unwanted last: from now on it must not come back. */
  gone: boolean;
  /** It was never published as it was wanted last, and may be yet, late, until then; infinite before the first look. */
  lateUntilMs: number;
  /** The registry let go of it by itself. */
  loss: Loss | undefined;
  /** The registry was set back and shows it again: its coming back, or an older weight, is what the registry says. */
  setBack: boolean;
  publishedWeight: number;
  pending: Pending | undefined;
}

/** A change on a healthy path that takes longer than this is told of, whatever the quantile. */
const lateMs = 15_000;

/**
 * What the clients of the registries wanted and when, and with it whether what is published breaks an invariant: I2 (an
 * instance that stands in the registry is missing), I3 (one that was deregistered comes back, or stays), I4 (an older
 * state follows a newer one). Times are those of one monotonic clock.
 */
export class Ledger {
  readonly #records = new Map<string, Record>();
  readonly #pending = new Set<Record>();
  readonly violations: Violation[] = [];
  readonly latencies: Latency[] = [];

  /** Clients are about to register an instance, to change it, or (`wanted: false`) to take it away. */
  issue(registry: string, host: string, target: string, weight: number, wanted: boolean): void {
    const record = this.#record(registry, host, target);
    if (record.wanted !== wanted) {
      record.lateUntilMs = wanted || record.shielded ? 0 : Number.POSITIVE_INFINITY;
      record.shielded = false;
      record.gone = false;
      record.firstWeight = weight;
      record.loss = undefined;
    }
    record.wanted = wanted;
    record.weight = weight;
    record.setBack = false;
    this.#forget(record);
  }

  /** The registry has the change. @param healthy whether nothing keeps it from us: then it is timed */
  confirm(host: string, target: string, atMs: number, healthy: boolean, besideFault: boolean): void {
    const record = this.#records.get(key(host, target));
    if (!record) return;
    // What the registry had lost it has again, and not before.
    record.loss = undefined;
    if (!healthy) return;
    record.pending = { confirmedMs: atMs, besideFault };
    this.#pending.add(record);
  }

  /** Nothing of this registry is timed any more: a fault begins. */
  faultBegins(registry: string): void {
    for (const record of this.#pending) if (record.registry === registry) this.#forget(record);
  }

  /**
   * The registry is about to lose these by itself; a guard is to hold them until `heldUntilMs`.
   * @param instances names, `host target`
   * @param allowance how many of them may go before the guard knows that it is a mass loss
   */
  lose(instances: Iterable<string>, heldUntilMs: number, allowance: number): void {
    const loss = { heldUntilMs, allowance };
    for (const instance of instances) {
      const record = this.#records.get(instance);
      if (record) record.loss = loss;
    }
  }

  /** The registry has all again that its clients want, and it is published: a further loss is another one. */
  regained(registry: string): void {
    for (const record of this.#records.values()) {
      if (record.registry === registry && record.shielded) record.loss = undefined;
    }
  }

  /**
   * The registry is set back to older data: what it shows again is no fault of ours, nor is that it lacks what came since.
   * @param then names (`host target`) of what was there to be called when the older data were written
   */
  setBack(registry: string, then: ReadonlySet<string>): void {
    for (const record of this.#records.values()) {
      if (record.registry !== registry) continue;
      record.setBack = true;
      if (!then.has(key(record.host, record.target))) record.loss = { heldUntilMs: 0, allowance: 0 };
    }
  }

  /** Takes what is published now. */
  observe(published: Endpoints, atMs: number): void {
    for (const record of this.#records.values()) {
      const weight = published.get(record.host)?.get(record.target);
      if (record.wanted) this.#observeWanted(record, weight, atMs);
      else this.#observeUnwanted(record, weight !== undefined, atMs);
      if (weight !== undefined) this.#observeWeight(record, weight, atMs);
    }
  }

  /** Tells of removals that are long overdue. */
  sweep(atMs: number): void {
    for (const record of [...this.#pending]) {
      const { confirmedMs } = record.pending ?? { confirmedMs: atMs };
      if (atMs - confirmedMs < lateMs) continue;
      const change = record.wanted ? 'published' : 'gone';
      const late = `is not ${change} ${Math.round(atMs - confirmedMs)} ms after its change`;
      this.#violate(record.wanted ? 'I1' : 'I3', record, atMs, late);
      this.#forget(record);
    }
  }

  /** How many changes wait to be published. */
  get pending(): number {
    return this.#pending.size;
  }

  #observeWanted(record: Record, weight: number | undefined, atMs: number): void {
    if (weight !== undefined) {
      if (weight >= record.firstWeight) record.shielded = true;
      if (weight === record.weight) this.#settle(record, 'other', atMs);
      return;
    }
    if (!record.shielded) return;
    record.shielded = false;
    const { loss } = record;
    if (loss === undefined) {
      this.#violate('I2', record, atMs, 'is missing though it stands in the registry');
    } else if (atMs < loss.heldUntilMs) {
      loss.allowance -= 1;
      if (loss.allowance >= 0) return;
      this.#violate('I2', record, atMs, `is gone ${Math.round(loss.heldUntilMs - atMs)} ms before the end of its hold`);
    }
  }

  #observeUnwanted(record: Record, present: boolean, atMs: number): void {
    if (record.lateUntilMs === Number.POSITIVE_INFINITY) record.lateUntilMs = atMs + lateMs;
    if (!present) {
      if (atMs >= record.lateUntilMs) record.gone = true;
      this.#settle(record, 'removal', atMs);
      return;
    }
    record.lateUntilMs = 0;
    if (record.gone && !record.setBack) {
      record.gone = false;
      this.#violate('I3', record, atMs, 'has come back though it was deregistered');
    }
  }

  #observeWeight(record: Record, weight: number, atMs: number): void {
    if (weight < record.publishedWeight && !record.setBack) {
      this.#violate('I4', record, atMs, `went back from weight ${record.publishedWeight} to ${weight}`);
    }
    record.publishedWeight = weight;
  }

  #settle(record: Record, change: Latency['change'], atMs: number): void {
    if (!record.pending) return;
    const { confirmedMs, besideFault } = record.pending;
    this.latencies.push({ registry: record.registry, change, ms: Math.max(0, atMs - confirmedMs), besideFault });
    this.#forget(record);
  }

  #forget(record: Record): void {
    record.pending = undefined;
    this.#pending.delete(record);
  }

  #violate(invariant: Invariant, record: Record, atMs: number, what: string): void {
    const { registry, host, target } = record;
    const instance = `${host} ${target}`;
    this.violations.push({ invariant, atMs: Math.round(atMs), registry, instance, what: `${instance} ${what}` });
  }

  #record(registry: string, host: string, target: string): Record {
    const known = this.#records.get(key(host, target));
    if (known) return known;
    const record: Record = {
      ...{ registry, host, target, wanted: false, weight: 0, firstWeight: 0, publishedWeight: 0 },
      ...{ shielded: false, gone: false, lateUntilMs: 0, setBack: false, loss: undefined, pending: undefined },
    };
    this.#records.set(key(host, target), record);
    return record;
  }
}

function key(host: string, target: string): string {
  return `${host} ${target}`;
}
