import Mocha from 'mocha';
import { openHandles } from './open-handles.js';

/** What mocha has counted so far, sent to the parent process after each test and at the end. */
export interface MochaCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Each failed test or hook, in a few lines: its whole title, its file and what was thrown. */
  readonly failures: readonly string[];
  /** How long each test file took, its hooks included. Filled at the end. */
  readonly files: readonly { readonly file: string; readonly durationMs: number }[];
  /** True once all tests ran: the process has nothing left to do but to end. */
  readonly ended: boolean;
  /** What kept the process from ending, some seconds after the last test. */
  readonly open?: readonly string[];
}

/** A failure is told again at the end of the whole run: in no more than so many characters. */
const MAX_FAILURE_LENGTH = 2000;

function describeFailure(test: Mocha.Runnable, error: unknown): string {
  const thrown = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${test.fullTitle()}\n  ${test.file ?? ''}\n${thrown}`.slice(0, MAX_FAILURE_LENGTH);
}

/** How long after the last test a process that does not end is asked what keeps it. */
const LINGER_MS = 5000;

/** The `spec` reporter, which also tells its parent process the counts. */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { constants } = Mocha.Runner;
    const described: string[] = [];
    runner.on(constants.EVENT_TEST_FAIL, (test, error) => described.push(describeFailure(test, error)));
    const tookMs = new Map<string, number>();
    let sinceMs = performance.now();
    // One file may have several suites; what comes between two of them is the second one's.
    runner.on(constants.EVENT_SUITE_END, ({ parent, file = '' }) => {
      if (parent?.root !== true) return;
      const nowMs = performance.now();
      tookMs.set(file, (tookMs.get(file) ?? 0) + nowMs - sinceMs);
      sinceMs = nowMs;
    });
    const send = (ended: boolean, open?: readonly string[]) => {
      const { passes, failures, pending } = this.stats;
      const files = ended ? [...tookMs].map(([file, durationMs]) => ({ file, durationMs })) : [];
      const told = { failures: described, files, ended };
      const counts: MochaCounts = { passed: passes, failed: failures, skipped: pending, ...told };
      process.send?.(open === undefined ? counts : { ...counts, open });
    };
    for (const event of [constants.EVENT_TEST_PASS, constants.EVENT_TEST_PENDING, constants.EVENT_TEST_FAIL]) {
      runner.on(event, () => send(false));
    }
    runner.once(constants.EVENT_RUN_END, () => {
      send(true);
      setTimeout(() => send(true, openHandles()), LINGER_MS).unref();
    });
  }
}
