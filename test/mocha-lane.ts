import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MochaCounts } from './support/mocha-reporter.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Test files that one mocha process runs, one after the other. */
export interface Lane {
  readonly name: string;
  /** Arguments to mocha: the test files and options beside those of .mocharc.json. */
  readonly args: readonly string[];
}

export interface LaneResult {
  readonly counts: MochaCounts;
  readonly code: number;
  readonly durationMs: number;
  /** Why the run counts as failed, when no single test says so. */
  readonly problem?: string;
}

export interface LaneOptions {
  /** Each line of output begins with the lane's name: for lanes side by side. */
  readonly prefix: boolean;
  /** Ends the run; its reason's message is the problem. */
  readonly signal: AbortSignal;
}

/** After the last test mocha must end by itself within this time, else a test has left something open. */
const LINGER_MS = 15_000;
const KILL_GRACE_MS = 10_000;

function lingering({ open = [] }: MochaCounts): string {
  return `mocha did not end: a test has left something open: ${open.join(', ')}`;
}

/** Runs mocha in a process of its own, with its output on ours. Never rejects for what the tests do. */
export async function runLane({ name, args }: Lane, { prefix, signal }: LaneOptions): Promise<LaneResult> {
  const startMs = performance.now();
  const mocha = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin', 'mocha.js');
  const reporter = fileURLToPath(new URL('support/mocha-reporter.ts', import.meta.url));
  const child = fork(mocha, ['--reporter', reporter, ...args], {
    cwd: root,
    execArgv: [],
    stdio: prefix ? ['ignore', 'pipe', 'pipe', 'ipc'] : 'inherit',
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => console.log(`${name.padEnd(9)}│ ${line}`));
  }

  let counts: MochaCounts = { passed: 0, failed: 0, skipped: 0, failures: [], files: [], ended: false };
  let problem: string | undefined;
  let kill: NodeJS.Timeout | undefined;
  const end = (reason: string) => {
    problem ??= reason;
    child.kill('SIGTERM');
    kill ??= setTimeout(() => child.kill('SIGKILL'), KILL_GRACE_MS);
  };
  const onAbort = () => end((signal.reason as Error).message);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  let linger: NodeJS.Timeout | undefined;
  child.on('message', (message) => {
    counts = message as MochaCounts;
    if (counts.ended) linger ??= setTimeout(() => end(lingering(counts)), LINGER_MS);
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, exitSignal) => {
      if (exitSignal) problem ??= `mocha was ended by ${exitSignal}`;
      resolve(exitCode ?? 1);
    });
  });
  clearTimeout(kill);
  clearTimeout(linger);
  signal.removeEventListener('abort', onAbort);
  if (!counts.ended) problem ??= 'mocha ended before all tests had run';
  return { counts, code, durationMs: performance.now() - startMs, ...(problem === undefined ? {} : { problem }) };
}
