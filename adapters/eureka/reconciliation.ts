import { type BackoffOptions, backoffMs } from '../../core/plugin/index.js';

const stuckAfter = 3;
const matchesToTrust = 3;

/**
 * Decides when a hash that differs is reason for a full listing: the first time at once, then ever more rarely, for a
 * listing that does not help (two servers behind one address, say) would only add to the load.
 */
export class Reconciliation {
  readonly #backoff: BackoffOptions;
  #listings = 0;
  #matches = 0;
  #notBeforeMs = 0;

  constructor(backoff: BackoffOptions) {
    this.#backoff = backoff;
  }

  /** Whether full listings have not helped, several times running. */
  get isStuck(): boolean {
    return this.#listings >= stuckAfter;
  }

  describe(): Error {
    return new Error(
      `the servers' hash differs from what they list, after ${this.#listings} full listings; do several registries stand behind one address?`,
    );
  }

  matched(): void {
    this.#matches++;
    if (this.#matches >= matchesToTrust) this.#listings = 0;
  }

  /** @returns whether to list everything now */
  mismatched(nowMs: number): boolean {
    this.#matches = 0;
    if (this.#listings > 0 && nowMs < this.#notBeforeMs) return false;
    this.#notBeforeMs = nowMs + backoffMs(this.#listings, this.#backoff);
    this.#listings++;
    return true;
  }
}
