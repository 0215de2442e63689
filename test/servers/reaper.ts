import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/** What this process must not leave behind. Created at the first use; there is one for the whole process. */
class Reaper {
  readonly #running = new Set<ChildProcess>();
  readonly #stdin: Socket;

  constructor() {
    const script = fileURLToPath(new URL('watchdog.mjs', import.meta.url));
    // Detached: a Ctrl-C in the terminal must not end it before its parent.
    const child = spawn(process.execPath, [script], { stdio: ['pipe', 'ignore', 'inherit'], detached: true });
    child.unref();
    // A pipe to a child process is a socket; unreferenced, it keeps nothing alive.
    this.#stdin = child.stdin as Socket;
    this.#stdin.unref();
    process.once('exit', () => {
      for (const running of this.#running) running.kill('SIGKILL');
    });
    // Without a handler of its own the process would die of these without its exit hooks.
    process.once('SIGTERM', () => process.exit(143));
    process.once('SIGHUP', () => process.exit(129));
  }

  guardChild(child: ChildProcess): void {
    if (child.pid === undefined) return;
    this.#running.add(child);
    this.#stdin.write(`+${child.pid}\n`);
    child.once('exit', () => {
      this.#running.delete(child);
      this.#stdin.write(`-${child.pid}\n`);
    });
  }

  guardDir(dir: string): void {
    this.#stdin.write(`d${dir}\n`);
  }
}

let reaper: Reaper | undefined;

/**
 * Sees to it that `child` does not outlive this process: it is killed on a normal exit, on an uncaught error, and, by a
 * watchdog process, even when this process is killed outright.
 */
export function guardChild(child: ChildProcess): void {
  reaper ??= new Reaper();
  reaper.guardChild(child);
}

/** Sees to it that the folder is removed when this process is gone. */
export function guardDir(dir: string): void {
  reaper ??= new Reaper();
  reaper.guardDir(dir);
}
