import type { Clock } from '../../core/plugin/index.js';

/** Lets a loop wait until something happens or time is up. What happens while nobody waits counts for the next wait. */
export class Wakeup {
  readonly #clock: Clock;
  #pending = false;
  #waiting: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  notify(): void {
    if (this.#waiting) this.#waiting.abort();
    else this.#pending = true;
  }

  /** Resolves on {@link notify} or after `ms`. Rejects with the signal's reason. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#pending) {
      this.#pending = false;
      return;
    }
    const waiting = new AbortController();
    const onAbort = () => waiting.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting = waiting;
    try {
      await this.#clock.sleep(ms, waiting.signal);
    } catch (error) {
      if (!waiting.signal.aborted) throw error;
    } finally {
      this.#waiting = undefined;
      signal.removeEventListener('abort', onAbort);
    }
    signal.throwIfAborted();
  }
}
