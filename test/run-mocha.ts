import { relative } from 'node:path';
import pLimit from 'p-limit';
import { type Lane, type LaneResult, runLane } from './mocha-lane.js';

export interface RunMochaOptions {
  /** Each is run by a mocha process of its own. */
  readonly lanes: readonly Lane[];
  /** Lanes side by side. */
  readonly concurrency: number;
  /** The whole run may take this long. */
  readonly timeoutMs: number;
}

/**
 * Runs lanes of tests and closes with the line `N passed, N failed, N skipped` over all of them.
 * @returns the exit code: 0 only when each mocha ended by itself without a failure and, with CI=true, without a skipped
 * test.
 */
export async function runMocha({ lanes, concurrency, timeoutMs }: RunMochaOptions): Promise<number> {
  const stop = new AbortController();
  const overall = setTimeout(
    () => stop.abort(new Error(`the tests took longer than ${timeoutMs / 60_000} minutes`)),
    timeoutMs,
  );
  // Ctrl-C reaches mocha too, which stops after the running test; we stay to print the counts.
  const onSigint = () => undefined;
  const onSigterm = () => stop.abort(new Error('terminated'));
  process.on('SIGINT', onSigint).once('SIGTERM', onSigterm);
  const limit = pLimit(concurrency);
  const options = { prefix: lanes.length > 1, signal: stop.signal };
  const results = await Promise.all(lanes.map((lane) => limit(() => runLane(lane, options))));
  clearTimeout(overall);
  process.off('SIGINT', onSigint).off('SIGTERM', onSigterm);
  if (lanes.length > 1) tellDurations(lanes, results);
  return conclude(lanes, results);
}

const TOLD_FILES = 12;

/** So that it is seen what makes a run long, and which lane to divide. */
function tellDurations(lanes: readonly Lane[], results: readonly LaneResult[]): void {
  const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
  const each = results.map(({ durationMs }, index) => `${lanes[index]?.name} ${seconds(durationMs)}`);
  console.log(`\nlanes: ${each.join(', ')}`);
  const files = results.flatMap(({ counts }) => counts.files).sort((a, b) => b.durationMs - a.durationMs);
  console.log('files that took longest:');
  for (const { file, durationMs } of files.slice(0, TOLD_FILES)) {
    console.log(`${seconds(durationMs).padStart(7)}  ${relative(process.cwd(), file)}`);
  }
}

function conclude(lanes: readonly Lane[], results: readonly LaneResult[]): number {
  let code = 0;
  const fail = (laneCode: number) => {
    if (code === 0) code = laneCode === 0 ? 1 : laneCode;
  };
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [index, { counts, code: laneCode, problem }] of results.entries()) {
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    // Lanes side by side print between each other, and a log may be kept in part: its end tells what failed.
    for (const failure of counts.failures) console.error(`\nfailed: ${failure}\n`);
    if (problem !== undefined) console.error(lanes.length > 1 ? `${lanes[index]?.name}: ${problem}` : problem);
    if (problem !== undefined || laneCode !== 0 || counts.failed > 0) fail(laneCode);
  }
  if (process.env['CI'] === 'true' && total.skipped > 0) {
    console.error('a skipped test is a failure here (CI=true)');
    fail(0);
  }
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return code;
}
