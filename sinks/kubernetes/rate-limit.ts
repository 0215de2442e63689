import type { Clock } from '../../core/time/index.js';

/** A token bucket that holds one second's worth. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledMs: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond;
    this.#filledMs = clock.now();
  }

  /** Resolves when one more may be done. */
  async take(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.now();
    const most = Math.max(1, this.#perSecond);
    this.#tokens = Math.min(most, this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.#perSecond);
    this.#filledMs = nowMs;
    // What is taken before it is there is waited for, each after the others.
    this.#tokens -= 1;
    if (this.#tokens < 0) await this.#clock.sleep(Math.ceil((-this.#tokens / this.#perSecond) * 1000), signal);
  }
}
