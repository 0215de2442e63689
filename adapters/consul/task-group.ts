import { setMaxListeners } from 'node:events';

/**
 * Tasks that live and end together: the first that fails ends all, as does the parent's abort. Nothing outlives
 * {@link ended}.
 */
export class TaskGroup {
  readonly #abort = new AbortController();
  readonly #parent: AbortSignal;
  readonly #running = new Set<Promise<void>>();
  readonly #onParentAbort = () => this.#abort.abort(this.#parent.reason);

  constructor(parent: AbortSignal) {
    this.#parent = parent;
    // Each request listens; there are as many as there are connections.
    setMaxListeners(0, this.signal);
    if (parent.aborted) this.#onParentAbort();
    else parent.addEventListener('abort', this.#onParentAbort, { once: true });
  }

  /** Aborts when the group ends; its reason is why. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  start(task: (signal: AbortSignal) => Promise<void>): void {
    if (this.signal.aborted) return;
    const running = task(this.signal)
      .catch((error: unknown) => this.#abort.abort(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits for the end of the group and of all its tasks. @throws always: why it ended */
  async ended(): Promise<never> {
    if (!this.signal.aborted) {
      await new Promise<void>((resolve) => this.signal.addEventListener('abort', () => resolve(), { once: true }));
    }
    return this.#settle();
  }

  /** Ends the group with `reason` and waits for its tasks. @throws always: `reason`, or why it ended before */
  async fail(reason: unknown): Promise<never> {
    this.#abort.abort(reason);
    return this.#settle();
  }

  async #settle(): Promise<never> {
    this.#parent.removeEventListener('abort', this.#onParentAbort);
    while (this.#running.size > 0) await Promise.all(this.#running);
    throw this.signal.reason;
  }
}

/**
 * Runs `task` on each item, at most `concurrency` at a time; the first failure ends the others.
 * @throws the first failure, or the signal's reason, once all have settled
 */
export async function forEach<T>(
  items: Iterable<T>,
  concurrency: number,
  task: (item: T, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const abort = new AbortController();
  setMaxListeners(0, abort.signal);
  const onAbort = () => abort.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const work = async () => {
    for (let next = left.next(); !next.done && !abort.signal.aborted; next = left.next()) {
      await task(next.value, abort.signal);
    }
  };
  const workers = Array.from({ length: concurrency }, () => work().catch((error: unknown) => abort.abort(error)));
  await Promise.all(workers);
  signal.removeEventListener('abort', onAbort);
  abort.signal.throwIfAborted();
}
