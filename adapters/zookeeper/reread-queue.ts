import { backoffMs, type Clock } from '../../core/plugin/index.js';

export interface RereadQueueOptions {
  /** Reads what `key` stands for, afresh. */
  readonly read: (key: string) => Promise<void>;
  /** Called with each failure; the key is read again after a back-off. */
  readonly onFailure: (key: string, error: Error) => void;
  /** Called when more keys wait than may. */
  readonly onOverflow: () => void;
  readonly concurrency: number;
  readonly maxWaiting: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const retryBackoff = { baseMs: 500, maxMs: 30_000 } as const;

/**
 * What has to be read again, each key at most once at a time: marked while it waits, it is read once; marked while it is
 * read, it is read once more afterwards, for that reading may have come before the change.
 */
export class RereadQueue {
  readonly #options: RereadQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #reading = new Set<string>();
  readonly #failures = new Map<string, number>();
  /** Keys whose back-off is under way: one for each, however many readings fail meanwhile. */
  readonly #retrying = new Set<string>();
  #idleWaits: (() => void)[] = [];
  #started = false;

  constructor(options: RereadQueueOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /** Resolves when nothing is known of `key` that is not read. @throws the signal's reason */
  async idle(key: string): Promise<void> {
    while (this.has(key)) {
      this.#options.signal.throwIfAborted();
      await new Promise<void>((resolve) => this.#idleWaits.push(resolve));
    }
  }

  /** Whether a change of `key` is known and not yet read. */
  has(key: string): boolean {
    return this.#waiting.has(key) || this.#reading.has(key);
  }

  /** Whether `key` could not be read when it was read last, so that it will be read again. */
  isFailing(key: string): boolean {
    return this.#failures.has(key);
  }

  mark(key: string): void {
    const { signal, maxWaiting, onOverflow } = this.#options;
    if (signal.aborted) return;
    if (this.#waiting.size >= maxWaiting) {
      onOverflow();
      return;
    }
    this.#waiting.add(key);
    this.#pump();
  }

  /** Until then marks are only kept. */
  start(): void {
    this.#started = true;
    this.#pump();
  }

  /** Marks `key` after a back-off that grows with the failures in a row. */
  retry(key: string): void {
    if (this.#retrying.has(key)) return;
    const { clock, signal } = this.#options;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#retrying.add(key);
    clock.sleep(backoffMs(failures, retryBackoff), signal).then(
      () => {
        this.#retrying.delete(key);
        this.mark(key);
      },
      () => undefined, // only an abort rejects
    );
  }

  #pump(): void {
    if (!this.#started || this.#options.signal.aborted) return;
    for (const key of this.#waiting) {
      if (this.#reading.size >= this.#options.concurrency) return;
      if (this.#reading.has(key)) continue;
      this.#waiting.delete(key);
      this.#reading.add(key);
      void this.#read(key);
    }
  }

  async #read(key: string): Promise<void> {
    try {
      await this.#options.read(key);
      this.#failures.delete(key);
    } catch (error) {
      if (this.#options.signal.aborted) return;
      this.#options.onFailure(key, error instanceof Error ? error : new Error(String(error)));
      this.retry(key);
    } finally {
      this.#reading.delete(key);
      this.#pump();
      this.#wake();
    }
  }

  #wake(): void {
    if (this.#idleWaits.length === 0) return;
    const waits = this.#idleWaits;
    this.#idleWaits = [];
    for (const resolve of waits) resolve();
  }
}
