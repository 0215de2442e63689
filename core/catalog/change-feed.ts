/** One reader's changes: the names of the hosts that changed since it looked last. Bounded by the number of hosts. */
export class ChangeFeed {
  #changed = new Set<string>();
  #wake: (() => void) | undefined;

  add(hosts: Iterable<string>): void {
    for (const host of hosts) this.#changed.add(host);
    this.#wake?.();
  }

  /** Each batch is everything since the batch before; ends when `signal` aborts. */
  async *batches(signal: AbortSignal): AsyncGenerator<ReadonlySet<string>> {
    const wake = () => this.#wake?.();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        if (this.#changed.size === 0) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
          continue;
        }
        const batch = this.#changed;
        this.#changed = new Set();
        yield batch;
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
