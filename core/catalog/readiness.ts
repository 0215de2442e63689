import { type Clock, deferred } from '../time/index.js';

export interface RequiredSource {
  readonly name: string;
  /** How long readiness waits for its first listing. */
  readonly graceMs: number;
}

/**
 * Opens once every required source has been read whole, or its grace is over, and never closes again: what a sink
 * serves before could be taken for the removal of everything that is still unread.
 */
export class Readiness {
  readonly #waiting = new Map<string, RequiredSource>();
  readonly #overdue = new Set<string>();
  readonly #listed = new Set<string>();
  readonly #opened = deferred();
  #isReady = false;

  constructor(required: Iterable<RequiredSource>) {
    for (const source of required) this.#waiting.set(source.name, source);
    this.#check();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Required sources that were never read. */
  get missing(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** `source` was read whole, and what it listed is on its way into the catalog: its grace ends no more. */
  listed(source: string): void {
    this.#listed.add(source);
  }

  /** `source` is synced, and what it listed stands in the catalog. */
  synced(source: string): void {
    this.#waiting.delete(source);
    this.#overdue.delete(source);
    this.#check();
  }

  /** What `source` had before a restart stands in the catalog and is to do until it is read. */
  standIn(source: string): void {
    this.synced(source);
  }

  /** Lets the grace of each source run; settles when `signal` aborts or nothing is waited for. */
  async runGrace(clock: Clock, signal: AbortSignal, onOverdue: (source: RequiredSource) => void): Promise<void> {
    await Promise.all(
      [...this.#waiting.values()].map(async (source) => {
        try {
          await clock.sleep(source.graceMs, AbortSignal.any([signal, this.#openSignal.signal]));
        } catch {
          return; // stopped, or ready without waiting
        }
        // A listing that is being taken in must not go out in part.
        if (!this.#waiting.has(source.name) || this.#listed.has(source.name)) return;
        this.#overdue.add(source.name);
        onOverdue(source);
        this.#check();
      }),
    );
  }

  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#isReady) return;
    let abort: () => void = () => undefined;
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
    });
    try {
      await Promise.race([this.#opened.promise, aborted]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  readonly #openSignal = new AbortController();

  #check(): void {
    if (this.#isReady || this.#waiting.size > this.#overdue.size) return;
    this.#isReady = true;
    this.#openSignal.abort();
    this.#opened.resolve();
  }
}
