import { setImmediate as nextTurn } from 'node:timers/promises';

/** Lets other work in between the slices of a long one, so that no slice holds the event loop for long. */
export class Breather {
  readonly #sliceMs: number;
  #began = performance.now();

  constructor(sliceMs = 5) {
    this.#sliceMs = sliceMs;
  }

  /** To be looked at after each small step: whether it is time to {@link breathe}. Cheap. */
  get isDue(): boolean {
    return performance.now() - this.#began >= this.#sliceMs;
  }

  /** @throws the signal's reason */
  async breathe(signal?: AbortSignal): Promise<void> {
    await nextTurn();
    signal?.throwIfAborted();
    this.#began = performance.now();
  }
}
