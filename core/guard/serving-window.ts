interface PastLevel {
  /** When it was in force last. */
  readonly untilMs: number;
  readonly count: number;
}

/** The most that a count has been within a sliding window. Amortised constant time a change. */
export class ServingWindow {
  readonly #windowMs: number;
  /** What was in force and may still be the most: later ones are lower. */
  readonly #past: PastLevel[] = [];
  #now = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** The count is `count` from `nowMs` on. */
  push(nowMs: number, count: number): void {
    const ended = Math.max(this.#now, count);
    while ((this.#past.at(-1)?.count ?? Number.POSITIVE_INFINITY) <= ended) this.#past.pop();
    if (count < this.#now) this.#past.push({ untilMs: nowMs, count: this.#now });
    this.#now = count;
  }

  /** The most at one time within `windowMs`, at most the whole window, before `nowMs`; 0 before anything was counted. */
  max(nowMs: number, windowMs: number = this.#windowMs): number {
    while (this.#past[0] !== undefined && nowMs - this.#past[0].untilMs >= this.#windowMs) this.#past.shift();
    const within = this.#past.find(({ untilMs }) => nowMs - untilMs < windowMs);
    return Math.max(within?.count ?? 0, this.#now);
  }

  /** Forgets what was in force until `untilMs` at the latest: what was lost then is no part of a further loss. */
  forget(untilMs: number): void {
    while (this.#past[0] !== undefined && this.#past[0].untilMs <= untilMs) this.#past.shift();
  }
}
