import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffMs, type Clock, type Deferred, deferred } from '../time/index.js';

/** Whether what is to be on disk gets there. */
export type WriteState =
  | { readonly state: 'writing' }
  /** The last write failed; it is tried again. */
  | { readonly state: 'failing'; readonly sinceMs: number; readonly cause: string };

export interface WriteLoopOptions {
  /** For the log: "the warm start's files". */
  readonly what: string;
  readonly hasWork: () => boolean;
  /** Writes all there is; what it could not write it keeps for the next time. */
  readonly write: () => Promise<void>;
  /**
   * Makes what was written outlast a power loss. Called a second after a write at the latest, before {@link WriteLoop.flush}
   * resolves, and at the end; of what fails it is told as of a write. Default: `write` does that, too.
   */
  readonly sync?: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From the end of one write to the next at least; what changes meanwhile is gathered. Default 100. */
  readonly commitMs?: number;
  /** How long the last write may take once the loop is told to stop. Default 5000. */
  readonly stopMs?: number;
}

const retry = { baseMs: 500, maxMs: 30_000 };
/** After a rest: what comes together is written together, when it has gone to those who wait for it. */
const settleMs = 10;
/** What a power loss may take; a killed process loses nothing of what was written. */
const syncMs = 1000;
const logEveryMs = 60_000;

/**
 * Writes again and again what changes: soon after a change that follows a rest, else some time after the write before,
 * everything there is by then, at most one write at a time. A failed write is a status, is logged once a minute, and is tried again with back-off.
 */
export class WriteLoop {
  readonly #options: WriteLoopOptions;
  #state: WriteState = { state: 'writing' };
  #failures = 0;
  #loggedMs = Number.NEGATIVE_INFINITY;
  #wake: Deferred<void> | undefined;
  /** Those who wait for a write that begins after they came. */
  #waiting: Deferred<void>[] = [];
  #isSyncPlanned = false;
  #isSyncDue = false;
  #isEnded = false;

  constructor(options: WriteLoopOptions) {
    this.#options = options;
  }

  get state(): WriteState {
    return this.#state;
  }

  /** Failed writes since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** There may be something to write. Cheap. */
  wake(): void {
    this.#wake?.resolve();
  }

  /** Resolves when what there is now is on disk. @throws what the write throws */
  async flush(): Promise<void> {
    if (this.#isEnded) throw new Error('it is written no more');
    const waiting = deferred();
    this.#waiting.push(waiting);
    this.wake();
    await waiting.promise;
  }

  /** Until `signal` aborts; then writes once more what is left. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, commitMs = 100, stopMs = 5000 } = this.#options;
    const onAbort = () => this.wake();
    signal.addEventListener('abort', onAbort);
    let attempt = 0;
    let writtenMs = Number.NEGATIVE_INFINITY;
    try {
      while (!signal.aborted) {
        await this.#work();
        const isWrite = this.#options.hasWork();
        const gatherMs = Math.min(commitMs, Math.max(settleMs, writtenMs + commitMs - clock.now()));
        const pauseMs = attempt === 0 ? gatherMs : backoffMs(attempt - 1, retry);
        if (isWrite || attempt > 0) await clock.sleep(pauseMs, signal).catch(() => undefined); // an abort is seen by the loop
        if (signal.aborted) break;
        attempt = (await this.#writeOnce(signal)) ? 0 : attempt + 1;
        if (isWrite) writtenMs = clock.now();
      }
      this.#isSyncDue = true;
      const stopped = new AbortController();
      await Promise.race([
        this.#writeOnce(signal).finally(() => stopped.abort()),
        delay(stopMs, undefined, { signal: stopped.signal }).catch(() => undefined),
      ]);
    } finally {
      this.#isEnded = true;
      signal.removeEventListener('abort', onAbort);
      for (const { reject } of this.#waiting) reject(new Error('it is written no more'));
      this.#waiting = [];
    }
  }

  async #work(): Promise<void> {
    if (this.#options.hasWork() || this.#waiting.length > 0 || this.#isSyncDue) return;
    this.#wake = deferred();
    await this.#wake.promise;
    this.#wake = undefined;
  }

  /** @returns whether all is written */
  async #writeOnce(signal: AbortSignal): Promise<boolean> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      try {
        if (this.#options.hasWork()) {
          this.#planSync(signal);
          await this.#options.write();
        }
      } finally {
        // What else was written is not to wait for what could not be.
        this.#isSyncDue ||= waiting.length > 0;
        if (this.#isSyncDue) {
          await this.#options.sync?.();
          this.#isSyncDue = false;
        }
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      for (const { reject } of waiting) reject(error);
      return false;
    }
    if (this.#state.state === 'failing') this.#options.logger.info(`${this.#options.what} are written again`);
    this.#state = { state: 'writing' };
    for (const { resolve } of waiting) resolve();
    return true;
  }

  /** One timer for all that is written until then. */
  #planSync(signal: AbortSignal): void {
    const { sync, clock } = this.#options;
    if (!sync || this.#isSyncPlanned || signal.aborted) return;
    this.#isSyncPlanned = true;
    const due = () => {
      this.#isSyncPlanned = false;
      this.#isSyncDue = true;
      this.wake();
    };
    clock.sleep(syncMs, signal).then(due, () => undefined);
  }

  #fail(error: Error): void {
    const { clock, logger, what } = this.#options;
    const now = clock.now();
    this.#failures++;
    const sinceMs = this.#state.state === 'failing' ? this.#state.sinceMs : now;
    this.#state = { state: 'failing', sinceMs, cause: error.message };
    if (now - this.#loggedMs < logEveryMs) return;
    this.#loggedMs = now;
    logger.error({ err: error }, `${what} can not be written; it is tried again, and the mesh goes on`);
  }
}
