import pLimit, { type LimitFunction } from 'p-limit';
import type { Clock } from '../../core/plugin/index.js';

/** Keeps the requests to a registry below a number at once and a number a second, with bursts up to the former. */
export class RequestGate {
  readonly #clock: Clock;
  readonly #limit: LimitFunction;
  readonly #gapMs: number;
  readonly #burstMs: number;
  #nextMs = 0;

  constructor(clock: Clock, maxConcurrent: number, maxPerSecond: number) {
    this.#clock = clock;
    this.#limit = pLimit(maxConcurrent);
    this.#gapMs = 1000 / maxPerSecond;
    this.#burstMs = this.#gapMs * (maxConcurrent - 1);
  }

  /** Calls `task` when its turn comes. Rejects with the signal's reason when that aborts before. */
  run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#limit(async () => {
      await this.turn(signal);
      return task();
    });
  }

  /** Within a task that makes a further request: resolves when that one's turn comes. Rejects as {@link run}. */
  async turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const now = this.#clock.now();
    // A clock that was set back must not make everybody wait for the old time to come again.
    const latest = now + this.#burstMs + 1000;
    const turnMs = Math.min(Math.max(this.#nextMs, now - this.#burstMs), latest);
    this.#nextMs = turnMs + this.#gapMs;
    if (turnMs > now) await this.#clock.sleep(turnMs - now, signal);
  }
}
