import type { Clock } from '../../core/time/index.js';

/** Something that has to be answered in time. */
export interface Awaited {
  readonly sentMs: number;
  expire(): void;
}

/**
 * Ends what is not answered in time, with one timer for all: they are due in the order in which they came, for each may
 * take as long as the others. The timer runs on when all is answered, and finds nothing: answers come far more often than it.
 */
export class AckDeadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #awaited = new Set<Awaited>();
  #timer: AbortController | undefined;
  #holders = 0;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** For as long as a stream may wait for answers. @returns how to end it, to be called once */
  hold(): () => void {
    this.#holders++;
    return () => {
      this.#holders--;
      if (this.#holders === 0) this.#disarm();
    };
  }

  add(awaited: Awaited): void {
    this.#awaited.add(awaited);
    if (!this.#timer) this.#arm();
  }

  delete(awaited: Awaited): void {
    this.#awaited.delete(awaited);
  }

  #arm(): void {
    const [first] = this.#awaited;
    if (!first) return;
    const timer = new AbortController();
    this.#timer = timer;
    const dueMs = first.sentMs + this.#timeoutMs - this.#clock.now();
    this.#clock.sleep(Math.max(0, dueMs), timer.signal).then(
      () => this.#expire(),
      () => undefined, // nobody waits any more
    );
  }

  #disarm(): void {
    this.#timer?.abort();
    this.#timer = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    for (const awaited of this.#awaited) {
      if (awaited.sentMs + this.#timeoutMs > nowMs) break;
      this.#awaited.delete(awaited);
      awaited.expire();
    }
    if (!this.#timer) this.#arm();
  }
}
