export interface MassExpiryOptions {
  /** From 0 to 1: of the leases, as many may run out within the window; 1 lets all go. */
  readonly maxLossShare: number;
  readonly maxHoldMs: number;
}

/** Leases that may run out together, however few there are. */
export const freeLosses = 3;
export const lossWindowMs = 60_000;

/**
 * Whether leases that have run out are believed. Many at a time are rather a fault of the network between their owners
 * and this process than so many crashes: they are kept, for a bounded time.
 */
export class MassExpiry {
  readonly #options: MassExpiryOptions;
  /** When the last leases ran out, oldest first, with how many. */
  readonly #losses: { readonly atMs: number; readonly count: number }[] = [];
  #heldSinceMs: number | undefined;
  #rescuedMs = 0;

  constructor(options: MassExpiryOptions) {
    this.#options = options;
  }

  get heldSinceMs(): number | undefined {
    return this.#heldSinceMs;
  }

  /** A lease that had run out, and was held, was renewed. */
  rescued(nowMs: number): void {
    this.#rescuedMs = nowMs;
  }

  /**
   * @param due leases that have run out and wait for this answer
   * @param alive leases beside them
   */
  allows(due: number, alive: number, nowMs: number): boolean {
    while (this.#losses[0] && this.#losses[0].atMs <= nowMs - lossWindowMs) this.#losses.shift();
    if (due === 0) {
      this.#heldSinceMs = undefined;
      return true;
    }
    const lost = this.#losses.reduce((sum, { count }) => sum + count, 0) + due;
    const isMass = lost > freeLosses && lost > this.#options.maxLossShare * (alive + lost);
    if (isMass) this.#heldSinceMs ??= nowMs;
    if (this.#heldSinceMs !== undefined && nowMs - this.#heldSinceMs < this.#options.maxHoldMs) {
      // Owners come back one by one, as their heartbeats fall due: the last of them are not to be lost.
      if (isMass || nowMs - this.#rescuedMs < lossWindowMs) return false;
    }
    this.#heldSinceMs = undefined;
    this.#losses.push({ atMs: nowMs, count: due });
    return true;
  }
}
