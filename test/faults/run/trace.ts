import { appendFileSync, writeFileSync } from 'node:fs';

/** What happened in a run, a line each, with the milliseconds since its start. */
export class Trace {
  readonly #startMs = performance.now();
  readonly #file: string;
  readonly #echo: boolean;

  /** @param file is written anew, each line at once, so that a run can be watched */
  constructor(file: string, echo: boolean) {
    this.#file = file;
    this.#echo = echo;
    writeFileSync(file, '');
  }

  /** Milliseconds since the start of the run, of a moment by `performance.now()`. */
  sinceStart(atMs: number): number {
    return Math.round(atMs - this.#startMs);
  }

  add(text: string): void {
    const line = `${`${this.sinceStart(performance.now())}`.padStart(7)} ${text}`;
    appendFileSync(this.#file, `${line}\n`);
    if (this.#echo) console.log(line);
  }
}
