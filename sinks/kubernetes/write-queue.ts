import { type BackoffOptions, backoffMs, type Clock, linkSignal } from '../../core/time/index.js';

/** Why a key waits for its next attempt. */
export interface Waiting {
  readonly attempt: number;
  readonly dueMs: number;
  readonly reason: string;
}

/** Not for ever, should nothing be due: timers take no more. */
const longestWaitMs = 3_600_000;

/**
 * Keys that are to be looked at, each once however often it was added; one that failed comes again later and later. As
 * large as there are objects, at most.
 */
export class WriteQueue {
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #ready = new Set<string>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #busy = new Set<string>();
  /** Added while it was worked on. */
  readonly #again = new Set<string>();
  readonly #sleepers = new Set<AbortController>();
  /** Nothing that waits is due before. */
  #nextDueMs = Number.POSITIVE_INFINITY;
  #pausedUntilMs = 0;

  constructor(clock: Clock, backoff: BackoffOptions) {
    this.#clock = clock;
    this.#backoff = backoff;
  }

  /** Keys that are about to be looked at. */
  get pending(): number {
    return this.#ready.size + this.#busy.size;
  }

  /** Keys that failed, or that are held, with the reason. */
  get waiting(): ReadonlyMap<string, Waiting> {
    return this.#waiting;
  }

  /** Whether the key is about to be looked at: not one that waits for another attempt. */
  isPending(key: string): boolean {
    return this.#ready.has(key) || this.#busy.has(key);
  }

  /** Something about the key has changed: it is looked at as soon as can be. How often it has failed is remembered. */
  add(key: string): void {
    if (this.#busy.has(key)) this.#again.add(key);
    else this.#makeReady(key);
  }

  /** Nothing is given out before that time: the other side asks for it. */
  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + ms);
  }

  /** The next key, once there is one. It is to be given to one of {@link done}, {@link failed}, {@link later}, {@link requeue}. */
  async take(signal: AbortSignal): Promise<string> {
    for (;;) {
      signal.throwIfAborted();
      const nowMs = this.#clock.now();
      if (this.#pausedUntilMs > nowMs) {
        await this.#clock.sleep(this.#pausedUntilMs - nowMs, signal);
        continue;
      }
      if (this.#nextDueMs <= nowMs) this.#collectDue(nowMs);
      const [next] = this.#ready;
      if (next === undefined) {
        await this.#untilWoken(this.#nextDueMs - nowMs, signal);
        continue;
      }
      this.#ready.delete(next);
      this.#busy.add(next);
      return next;
    }
  }

  done(key: string): void {
    this.#waiting.delete(key);
    this.#release(key);
  }

  /** @param atLeastMs the other side asks to wait so long */
  failed(key: string, reason: string, atLeastMs = 0): void {
    const attempt = (this.#waiting.get(key)?.attempt ?? -1) + 1;
    this.#wait(key, attempt, reason, Math.max(atLeastMs, backoffMs(attempt, this.#backoff)));
  }

  /** Looks at it again after a fixed time; that is no failure. */
  later(key: string, reason: string, ms: number): void {
    this.#wait(key, 0, reason, ms);
  }

  /** It needs no other attempt. One that is under way goes on. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }

  /** Back to the end. */
  requeue(key: string): void {
    this.#busy.delete(key);
    this.#again.delete(key);
    this.#makeReady(key);
  }

  /** A session has ended: whatever it was at is to be looked at again. */
  reset(): void {
    for (const key of this.#busy) this.#ready.add(key);
    this.#busy.clear();
    this.#again.clear();
  }

  #wait(key: string, attempt: number, reason: string, ms: number): void {
    const dueMs = this.#clock.now() + ms;
    this.#waiting.set(key, { attempt, dueMs, reason });
    this.#nextDueMs = Math.min(this.#nextDueMs, dueMs);
    this.#release(key);
  }

  #release(key: string): void {
    this.#busy.delete(key);
    if (this.#again.delete(key)) this.#makeReady(key);
  }

  #makeReady(key: string): void {
    this.#ready.add(key);
    const [sleeper] = this.#sleepers;
    if (sleeper === undefined) return;
    // Now, not when it has woken: what is made ready before that is for another one.
    this.#sleepers.delete(sleeper);
    sleeper.abort();
  }

  #collectDue(nowMs: number): void {
    this.#nextDueMs = Number.POSITIVE_INFINITY;
    for (const [key, { dueMs }] of this.#waiting) {
      if (dueMs > nowMs) this.#nextDueMs = Math.min(this.#nextDueMs, dueMs);
      else if (!this.#busy.has(key)) this.#ready.add(key);
    }
  }

  async #untilWoken(ms: number, signal: AbortSignal): Promise<void> {
    const { controller: sleeper, release } = linkSignal(signal);
    this.#sleepers.add(sleeper);
    try {
      await this.#clock.sleep(Math.min(ms, longestWaitMs), sleeper.signal);
    } catch {
      signal.throwIfAborted();
    } finally {
      this.#sleepers.delete(sleeper);
      release();
    }
  }
}
