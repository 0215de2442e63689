/**
 * What is known of a service to be read:
 * - `read`: it has changed
 * - `probe`: it may have changed; ask for its index first
 */
export type ReadKind = 'read' | 'probe';

export interface ReadJob {
  readonly name: string;
  readonly kind: ReadKind;
}

const kinds = ['read', 'probe'] as const;

/** Names of services to read: each once, the urgent first, and never two reads of one service at a time. */
export class ReadQueue {
  readonly #pending = { read: new Set<string>(), probe: new Set<string>() };
  readonly #taken = new Set<string>();
  readonly #waiting = new Set<() => void>();

  /** Jobs that nobody has taken. */
  get size(): number {
    return kinds.reduce((sum, kind) => sum + this.#pending[kind].size, 0);
  }

  /** A name that is being read is read once more after: its change may be newer than the answer. */
  add(name: string, kind: ReadKind): void {
    for (const known of kinds) {
      if (this.#pending[known].has(name)) {
        if (kinds.indexOf(known) <= kinds.indexOf(kind)) return;
        this.#pending[known].delete(name);
      }
    }
    this.#pending[kind].add(name);
    this.#wake();
  }

  /** Whether the name is waiting for its read, or being read. */
  has(name: string): boolean {
    return this.#taken.has(name) || kinds.some((kind) => this.#pending[kind].has(name));
  }

  /** Waits until the name is neither waiting nor being read. @throws the signal's reason */
  async settled(name: string, signal: AbortSignal): Promise<void> {
    while (this.has(name)) {
      signal.throwIfAborted();
      await this.#changed(signal);
    }
  }

  delete(name: string): void {
    for (const kind of kinds) this.#pending[kind].delete(name);
  }

  /** Waits for a job; the taker calls {@link done}. @throws the signal's reason */
  async take(signal: AbortSignal): Promise<ReadJob> {
    for (;;) {
      signal.throwIfAborted();
      const job = this.#next();
      if (job) return job;
      await this.#changed(signal);
    }
  }

  done(name: string): void {
    this.#taken.delete(name);
    this.#wake();
  }

  #next(): ReadJob | undefined {
    for (const kind of kinds) {
      for (const name of this.#pending[kind]) {
        if (this.#taken.has(name)) continue;
        this.#pending[kind].delete(name);
        this.#taken.add(name);
        return { name, kind };
      }
    }
    return undefined;
  }

  #wake(): void {
    for (const resume of [...this.#waiting]) resume();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = () => {
        this.#waiting.delete(resume);
        signal.removeEventListener('abort', resume);
        resolve();
      };
      this.#waiting.add(resume);
      signal.addEventListener('abort', resume, { once: true });
    });
  }
}
