import type { CacheStream } from './resource-type.js';

/** Whoever says when a stream is written to. */
export interface StreamTurns {
  /** Resources have changed: {@link CacheStream.flush} is called, at once unless the stream waits for its turn already. */
  changed(stream: CacheStream): void;
  /** The client has asked or answered: {@link CacheStream.flush} is called, now or later, once. */
  asked(stream: CacheStream): void;
  /** The stream has ended. */
  delete(stream: CacheStream): void;
}

const defaultSliceMs = 5;

/**
 * Answers clients at once, as long as that takes no longer than a slice in one turn of the event loop; the others have the
 * next turns, in order. Where a hundred clients lag behind, their answers come together, and each has a long list of what
 * it lacks: that then holds up nothing else. Whoever waits is told the newest state in the end, so nothing is gathered
 * here. A change is written to all its readers in one turn: in between, their answers would come and take the time.
 */
export class FlushTurns implements StreamTurns {
  readonly #sliceMs: number;
  readonly #waiting = new Set<CacheStream>();
  /** In this turn. */
  #spentMs = 0;
  #isPlanned = false;

  constructor(sliceMs = defaultSliceMs) {
    this.#sliceMs = sliceMs;
  }

  changed(stream: CacheStream): void {
    if (!this.#waiting.has(stream)) stream.flush();
  }

  asked(stream: CacheStream): void {
    if (this.#waiting.size > 0 || this.#spentMs >= this.#sliceMs) this.#waiting.add(stream);
    else this.#flush(stream);
    this.#planNext();
  }

  delete(stream: CacheStream): void {
    this.#waiting.delete(stream);
  }

  #flush(stream: CacheStream): void {
    const beganMs = performance.now();
    stream.flush();
    this.#spentMs += performance.now() - beganMs;
  }

  #planNext(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#isPlanned = false;
    this.#spentMs = 0;
    for (const stream of this.#waiting) {
      this.#waiting.delete(stream);
      this.#flush(stream);
      if (this.#spentMs >= this.#sliceMs) break;
    }
    if (this.#waiting.size > 0) this.#planNext();
  }
}
