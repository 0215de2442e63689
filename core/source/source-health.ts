import type { SourceState } from './status.js';

interface Issue {
  readonly sinceMs: number;
  readonly cause: string;
}

/** The whole source, as a scope. */
const wholeSource = '';

/** Keeps which parts of a source are not to be trusted, since when and why; says the {@link SourceState} of any moment. */
export class SourceHealth {
  readonly #staleAfterMs: number;
  readonly #issues = new Map<string, Issue>();
  #synced = false;
  #freshSinceMs: number;
  readonly #startedMs: number;
  #restoredMs: number | undefined;

  constructor(nowMs: number, staleAfterMs: number) {
    this.#startedMs = nowMs;
    this.#freshSinceMs = nowMs;
    this.#staleAfterMs = staleAfterMs;
  }

  get synced(): boolean {
    return this.#synced;
  }

  /** Whether what was read whole can be trusted in every part. */
  get isFresh(): boolean {
    return this.#synced && this.#issues.size === 0;
  }

  /**
   * Scopes that are held as degraded, at most: a registry with more trouble than that is degraded as a whole, until it
   * is listed anew. More than a registry has services, so that each can recover by itself.
   */
  static readonly maxScopes = 100_000;

  /** What is published was read from the disk, and was as the registry said at `confirmedMs`. */
  restored(confirmedMs: number): void {
    this.#restoredMs = confirmedMs;
  }

  /** When what was restored was as the registry said; undefined when nothing was, or everything has been read since. */
  get restoredMs(): number | undefined {
    return this.#synced ? undefined : this.#restoredMs;
  }

  /** What cannot be read, and since when, by scope; the empty scope is the whole source. */
  behind(): ReadonlyMap<string, number> {
    return new Map([...this.#issues].map(([scope, { sinceMs }]) => [scope, sinceMs]));
  }

  degraded(cause: string, scope: string | undefined, nowMs: number): void {
    const wanted = scope ?? wholeSource;
    const isOneTooMany = this.#issues.size >= SourceHealth.maxScopes && !this.#issues.has(wanted);
    const key = isOneTooMany ? wholeSource : wanted;
    // The first moment counts, the newest cause explains.
    this.#issues.set(key, { sinceMs: this.#issues.get(key)?.sinceMs ?? nowMs, cause });
  }

  /** What is degraded still was so already since `sinceMs`. */
  backdate(scope: string, sinceMs: number): void {
    const issue = this.#issues.get(scope);
    if (issue && sinceMs < issue.sinceMs) this.#issues.set(scope, { ...issue, sinceMs });
  }

  /** @returns whether anything was degraded */
  recovered(scope: string | undefined, nowMs: number): boolean {
    const had = this.#issues.delete(scope ?? wholeSource);
    if (had && this.#issues.size === 0) this.#freshSinceMs = nowMs;
    return had;
  }

  listed(nowMs: number): void {
    if (!this.#synced || this.#issues.size > 0) this.#freshSinceMs = nowMs;
    this.#synced = true;
    this.#issues.clear();
  }

  state(nowMs: number): SourceState {
    let oldest: Issue | undefined;
    for (const issue of this.#issues.values()) {
      if (oldest === undefined || issue.sinceMs < oldest.sinceMs) oldest = issue;
    }
    if (!this.#synced && this.#restoredMs !== undefined) {
      const cause = oldest ? { cause: oldest.cause } : {};
      return { state: 'restored', sinceMs: this.#startedMs, confirmedMs: this.#restoredMs, ...cause };
    }
    if (!this.#synced) {
      return { state: 'starting', sinceMs: this.#startedMs, ...(oldest ? { cause: oldest.cause } : {}) };
    }
    if (!oldest) return { state: 'fresh', sinceMs: this.#freshSinceMs };
    const state = nowMs - oldest.sinceMs >= this.#staleAfterMs ? 'stale' : 'degraded';
    const scopes = [...this.#issues.keys()].filter((scope) => scope !== wholeSource).slice(0, 20);
    return { state, sinceMs: oldest.sinceMs, cause: oldest.cause, scopes };
  }
}
