import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { cpuMs, memoryMb } from '../process-stat.js';

/** A process that is told what to do by lines, and tells by lines what came of it. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #exited: Promise<void>;
  #onLine: () => void = () => undefined;

  constructor(command: string, args: readonly (string | number)[]) {
    this.#child = spawn(command, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    if (!this.#child.stdout) throw new Error(`${command} has no output`);
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#onLine();
    });
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The rest of the next line that begins with this word; lines before it are passed over. @throws Error when it ends first */
  async next(word: string): Promise<string> {
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        if (line === word || line.startsWith(`${word} `)) return line.slice(word.length + 1);
      }
      if (this.#child.exitCode !== null) throw new Error(`${this.#child.spawnfile} ended before it said ${word}`);
      await Promise.race([new Promise<void>((resolve) => (this.#onLine = resolve)), this.#exited]);
    }
  }

  get cpuMs(): number {
    return cpuMs(this.#child.pid ?? 0);
  }

  get memoryMb(): { readonly rss: number; readonly peak: number } {
    return memoryMb(this.#child.pid ?? 0);
  }

  /** Lets go of it. @returns what it says at its end, by {@link next} */
  end(): void {
    this.#child.stdin?.end();
  }

  async stop(): Promise<void> {
    this.end();
    this.#child.kill('SIGTERM');
    await this.#exited;
  }
}
