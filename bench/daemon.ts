import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const main = new URL('../dist/bin/main.js', import.meta.url).pathname;

/** The built daemon as a process of its own, as an operator runs it. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #dir: string;
  readonly #exited: Promise<void>;
  /** `performance.now()` of the start. */
  readonly startedMs: number;

  constructor(config: (dir: string) => string) {
    this.#dir = mkdtempSync(join(tmpdir(), 'isthmus-bench-'));
    const file = join(this.#dir, 'isthmus.yaml');
    writeFileSync(file, config(this.#dir));
    this.startedMs = performance.now();
    this.#child = spawn(process.execPath, [main, 'run', '--config', file], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()));
  }

  get pid(): number {
    if (this.#child.pid === undefined || this.#child.exitCode !== null) throw new Error('the daemon is not running');
    return this.#child.pid;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = delay(10_000, 'late', { ref: false });
    if ((await Promise.race([this.#exited, late])) === 'late') this.#child.kill('SIGKILL');
    await this.#exited;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
