import { ALL_TESTS, runMocha } from './run-mocha.js';

/** All tests that need no server. */
const ignored = ['test/**/*.server.test.ts', 'test/**/*.e2e.test.ts'];
process.exitCode = await runMocha({
  args: [ALL_TESTS, ...ignored.flatMap((pattern) => ['--ignore', pattern])],
  timeoutMs: 10 * 60_000,
});
