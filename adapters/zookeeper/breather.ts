import { setImmediate as turn } from 'node:timers/promises';

const sliceMs = 20;
/** Looking at the clock for each of many small steps would cost more than the steps. */
const stepsBetweenLooks = 256;

/** Parts a long calculation into slices, so that everything else gets its turn in between. */
export class Breather {
  #sliceStartMs = performance.now();
  #steps = 0;

  /** To be asked before each small step; when it says yes, wait for {@link breathe}. */
  get isDue(): boolean {
    return ++this.#steps % stepsBetweenLooks === 0 && performance.now() - this.#sliceStartMs >= sliceMs;
  }

  /** @throws the signal's reason */
  async breathe(signal: AbortSignal): Promise<void> {
    await turn(undefined, { signal });
    this.#sliceStartMs = performance.now();
  }
}
