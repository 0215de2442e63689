import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MochaCounts } from './support/mocha-reporter.js';

const root = fileURLToPath(new URL('..', import.meta.url));

export const ALL_TESTS = 'test/**/*.test.ts';

export interface RunMochaOptions {
  /** Arguments to mocha: the test files and options beside those of .mocharc.json. */
  readonly args: readonly string[];
  /** The whole run may take this long. */
  readonly timeoutMs: number;
}

/** After the last test mocha must end by itself within this time, else a test has left something open. */
const LINGER_MS = 15_000;
const KILL_GRACE_MS = 10_000;

/**
 * Runs mocha in a process of its own, with its output on ours, and closes with the line
 * `N passed, N failed, N skipped`.
 * @returns the exit code: 0 only when mocha ended by itself without a failure and, with CI=true, without a skipped test.
 */
export async function runMocha({ args, timeoutMs }: RunMochaOptions): Promise<number> {
  const mocha = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin', 'mocha.js');
  const reporter = fileURLToPath(new URL('support/mocha-reporter.ts', import.meta.url));
  const child = fork(mocha, ['--reporter', reporter, ...args], { cwd: root, execArgv: [], stdio: 'inherit' });

  let counts: MochaCounts = { passed: 0, failed: 0, skipped: 0, ended: false };
  let problem: string | undefined;
  const end = (reason: string) => {
    problem ??= reason;
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), KILL_GRACE_MS).unref();
  };
  const overall = setTimeout(() => end(`the tests took longer than ${timeoutMs / 60_000} minutes`), timeoutMs);
  let linger: NodeJS.Timeout | undefined;
  child.on('message', (message) => {
    counts = message as MochaCounts;
    if (counts.ended) linger = setTimeout(() => end('mocha did not end: a test has left something open'), LINGER_MS);
  });
  // Ctrl-C reaches mocha too, which stops after the running test; we stay to print the counts.
  const onSigint = () => undefined;
  const onSigterm = () => end('terminated');
  process.on('SIGINT', onSigint).once('SIGTERM', onSigterm);

  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exitCode, signal) => {
      if (signal) problem ??= `mocha was ended by ${signal}`;
      resolve(exitCode ?? 1);
    });
  });
  clearTimeout(overall);
  clearTimeout(linger);
  process.off('SIGINT', onSigint).off('SIGTERM', onSigterm);

  if (!counts.ended) problem ??= 'mocha ended before all tests had run';
  if (process.env['CI'] === 'true' && counts.skipped > 0) problem ??= 'a skipped test is a failure here (CI=true)';
  if (problem) console.error(problem);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return code !== 0 ? code : problem || counts.failed > 0 ? 1 : 0;
}
