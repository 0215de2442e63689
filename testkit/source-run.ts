import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from '../core/model/index.js';
import type { Source } from '../core/source/source.js';
import { Recorder } from './recorder.js';

/** How long a source may take to settle after its signal aborts: the contract of `Source.run`. */
export const settleMs = 1000;

const restartDelayMs = 100;

/** One source, run as the supervisor runs it: a run that rejects is noted and started again on the same output. */
export class SourceRun {
  readonly recorder = new Recorder();
  readonly #source: Source;
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;
  #violation: Error | undefined;
  #stopped: Promise<number> | undefined;

  /** @param restored services that were published before a restart */
  constructor(source: Source, restored: Iterable<Service> = []) {
    this.#source = source;
    this.recorder.restore(restored);
    this.#ended = this.#supervise();
  }

  /** What the source did against the contract of `run`. */
  get violation(): Error | undefined {
    return this.#violation;
  }

  /**
   * Aborts and waits until the run has settled; a second call gives the outcome of the first.
   * @returns how long it took, in milliseconds.
   * @throws Error when it has not after `deadlineMs`, or when the run broke its contract before.
   */
  stop(deadlineMs = settleMs): Promise<number> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<number> {
    const startMs = performance.now();
    this.#abort.abort(new Error('the test is over'));
    const overdue = new AbortController();
    const late = delay(deadlineMs, 'late', { signal: overdue.signal }).catch(() => 'settled');
    const outcome = await Promise.race([this.#ended.then(() => 'settled'), late]);
    overdue.abort();
    this.recorder.close();
    if (outcome === 'late') {
      throw new Error(`run() has not settled ${deadlineMs} ms after its signal aborted; the contract is a second`);
    }
    if (this.#violation) throw this.#violation;
    return performance.now() - startMs;
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#abort;
    do {
      try {
        this.recorder.unsync();
        await this.#source.run(this.recorder, signal);
        if (signal.aborted) return;
        this.#violation = new Error(
          'run() resolved before its signal aborted; it must go on, or reject to be restarted',
        );
        this.recorder.failed(this.#violation);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Error) this.recorder.failed(error);
        else {
          this.#violation = new Error(`run() rejected with something that is no Error: ${String(error)}`);
          this.recorder.failed(this.#violation);
        }
      }
      await delay(restartDelayMs, undefined, { signal }).catch(() => undefined);
    } while (!signal.aborted);
  }
}
