import type { RecordedEvent } from '../recorded-event.js';
import type { SourceRun } from '../source-run.js';

/** Watches a rule over a stretch of time: no event may break it, not for a moment. */
export class Guard {
  readonly #stop: () => void;
  #violation: string | undefined;

  /** @param rule gives what is wrong after `event` was applied, or undefined. */
  constructor(run: SourceRun, rule: (event: RecordedEvent) => string | undefined) {
    this.#stop = run.recorder.onEvent((event) => {
      this.#violation ??= rule(event);
    });
  }

  /** @throws Error with the first violation so far. */
  assertUnbroken(during: string): void {
    if (this.#violation !== undefined) throw new Error(`${during}: ${this.#violation}`);
  }

  /** Ends the watch. @throws Error with the first violation. */
  verify(during: string): void {
    this.#stop();
    this.assertUnbroken(during);
  }
}
