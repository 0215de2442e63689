/**
 * Writes for many at once: each {@link commit} is answered by a write that began after it, and those that come while
 * one is under way share the next. At most one write is under way.
 */
export class GroupCommit {
  readonly #write: () => Promise<void>;
  #writing: Promise<void> | undefined;
  #gathering: Promise<void> | undefined;

  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when what there was at the call is written. @throws what `write` throws */
  commit(): Promise<void> {
    this.#gathering ??= this.#before().then(() => this.#start());
    return this.#gathering;
  }

  /** Resolves when nothing is left to be written. */
  async idle(): Promise<void> {
    for (let last = this.#last(); last; last = this.#last()) await last.catch(() => undefined); // its callers are told
  }

  #last(): Promise<void> | undefined {
    return this.#gathering ?? this.#writing;
  }

  /** The end of the write under way, or of this turn of the event loop: what comes in it is still part. */
  #before(): Promise<void> {
    return this.#writing?.catch(() => undefined) ?? new Promise((resolve) => setImmediate(resolve));
  }

  #start(): Promise<void> {
    this.#gathering = undefined;
    const writing = this.#write().finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
    return writing;
  }
}
