import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import type { RunOptions } from './artefact.js';

/** A single command of a build may take this long before it is taken for hung. */
const COMMAND_TIMEOUT_MS = 30 * 60_000;
const KILL_GRACE_MS = 5000;
const LOG_TAIL_LINES = 25;

export interface RunContext {
  readonly logFile: string;
  readonly signal: AbortSignal;
  readonly workDir: string;
}

/**
 * Runs a command with its output at the end of the log file. When it is aborted or takes too long it is ended together
 * with whatever it has started: Maven and Go do their work in children.
 * @throws Error with the command and the last lines of the log; the signal's reason when aborted.
 */
export async function runLogged(
  command: string,
  args: readonly string[],
  options: RunOptions,
  { logFile, signal, workDir }: RunContext,
): Promise<void> {
  signal.throwIfAborted();
  appendFileSync(logFile, `$ ${command} ${args.join(' ')}\n`);
  const log = openSync(logFile, 'a');
  const child = spawn(command, [...args], {
    cwd: options.cwd ?? workDir,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log, log],
    // Leads a process group of its own, which can be signalled as a whole.
    detached: true,
  });
  closeSync(log);
  const stop = AbortSignal.any([signal, AbortSignal.timeout(COMMAND_TIMEOUT_MS)]);
  let killer: NodeJS.Timeout | undefined;
  const endGroup = () => {
    signalGroup(child.pid, 'SIGTERM');
    killer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), KILL_GRACE_MS);
  };
  stop.addEventListener('abort', endGroup, { once: true });
  const problem = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, by) => resolve(code === 0 ? undefined : `it ended with ${by ?? `exit code ${code}`}`));
  });
  stop.removeEventListener('abort', endGroup);
  clearTimeout(killer);
  if (stop.aborted) signalGroup(child.pid, 'SIGKILL');
  signal.throwIfAborted();
  if (problem === undefined) return;
  const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  throw new Error(`${command} failed: ${problem}\n${tail}\nfull log: ${logFile}`);
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
