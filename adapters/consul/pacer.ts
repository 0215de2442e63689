import type { Clock } from '../../core/plugin/index.js';

/** Lets at most `perSecond` turns pass in a second on average; those of a quiet second at once. */
export class Pacer {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #turns: number;
  #filledMs: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perMs = perSecond / 1000;
    this.#burst = Math.max(1, perSecond);
    this.#clock = clock;
    this.#turns = this.#burst;
    this.#filledMs = clock.now();
  }

  /** @throws the signal's reason */
  async turn(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.now();
    this.#turns = Math.min(this.#burst, this.#turns + Math.max(0, nowMs - this.#filledMs) * this.#perMs);
    this.#filledMs = nowMs;
    this.#turns--;
    if (this.#turns < 0) await this.#clock.sleep(Math.ceil(-this.#turns / this.#perMs), signal);
  }
}
