import { backoffMs, type Clock } from '../../core/plugin/index.js';
import type { Resolution } from './resolver.js';
import type { DnsRecord, QueryType } from './wire.js';

/** What a lookup asks: {@link Resolution}, of one name and type. */
export type Resolve = (name: string, type: QueryType, signal: AbortSignal) => Promise<Resolution>;

export interface LookupOptions {
  readonly minIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly negativeGraceMs: number;
}

const retry = { baseMs: 1000, maxMs: 30_000 };

/**
 * One name and type, with the records that count. An answer with records counts at once. One with nothing is believed
 * when servers have said so for a time: an empty zone is more often a mistake than the end of a service. A failure
 * changes nothing, however long it lasts.
 */
export class Lookup {
  readonly #name: string;
  readonly #type: QueryType;
  readonly #options: LookupOptions;
  readonly #clock: Clock;
  #records: readonly DnsRecord[] | undefined;
  #nothing: { readonly reason: 'NXDOMAIN' | 'NODATA'; readonly sinceMs: number } | undefined;
  #failure: Error | undefined;
  #failures = 0;
  #waitMs = 0;

  constructor(name: string, type: QueryType, options: LookupOptions, clock: Clock) {
    this.#name = name;
    this.#type = type;
    this.#options = options;
    this.#clock = clock;
  }

  /** Undefined: nothing was ever found out. */
  get records(): readonly DnsRecord[] | undefined {
    return this.#records;
  }

  /** Why there are no records, once that is believed, or was never different. */
  get nothing(): 'NXDOMAIN' | 'NODATA' | undefined {
    return this.#nothing?.reason;
  }

  /** Why the records may not be those of now. */
  get problem(): Error | undefined {
    if (this.#failure) return this.#failure;
    if (!this.#nothing || this.#records?.length === 0) return undefined;
    const { negativeGraceMs } = this.#options;
    const what = this.#nothing.reason === 'NXDOMAIN' ? 'the name does not exist' : 'the name has no such records';
    return new Error(
      `${this.#name} ${this.#type}: ${what} (${this.#nothing.reason}); believed after ${negativeGraceMs} ms`,
    );
  }

  /** When to ask again. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /** @param doubtNothing whether an answer with nothing is doubted although no records were ever seen */
  async refresh(resolve: Resolve, doubtNothing: boolean, signal: AbortSignal): Promise<void> {
    try {
      this.#take(await resolve(this.#name, this.#type, signal), doubtNothing);
      this.#failure = undefined;
      this.#failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#waitMs = backoffMs(this.#failures++, retry);
    }
  }

  /** Without records, and never with any: that is what there is. */
  settle(): void {
    if (this.#nothing) this.#records ??= [];
  }

  #take(resolution: Resolution, doubtNothing: boolean): void {
    const { minIntervalMs, maxIntervalMs, negativeGraceMs } = this.#options;
    const bounded = (ms: number) => Math.min(maxIntervalMs, Math.max(minIntervalMs, ms));
    if (resolution.kind === 'records') {
      this.#records = resolution.records;
      this.#nothing = undefined;
      this.#waitMs = bounded(resolution.ttlSeconds * 1000);
      return;
    }
    const nowMs = this.#clock.now();
    this.#nothing = { reason: resolution.reason, sinceMs: this.#nothing?.sinceMs ?? nowMs };
    const leftMs = this.#nothing.sinceMs + negativeGraceMs - nowMs;
    const isNew = this.#records === undefined ? doubtNothing : this.#records.length > 0;
    if (isNew && leftMs > 0) {
      // Asked often, for it is either a mistake that ends soon or is to be believed in time.
      this.#waitMs = Math.min(minIntervalMs, leftMs);
      return;
    }
    this.#records = [];
    this.#waitMs = bounded((resolution.ttlSeconds ?? 0) * 1000);
  }
}
