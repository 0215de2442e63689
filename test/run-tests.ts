import { availableParallelism } from 'node:os';
import { allLanes } from './lanes.js';
import { runMocha } from './run-mocha.js';

/**
 * All tests, or the files given as arguments. Needs the test servers: `npm run servers`. With `--built`, what is tested
 * as a process of its own is run from `dist`, which must be up to date.
 */
const files = process.argv.slice(2).filter((argument) => argument !== '--built');
if (process.argv.includes('--built')) process.env['ISTHMUS_TEST_BUILT'] = '1';
process.exitCode = await runMocha({
  lanes: files.length > 0 ? [{ name: 'tests', args: files }] : allLanes,
  // Lanes wait for servers and leases more than they compute.
  concurrency: Math.max(3, 2 * Math.min(4, availableParallelism())),
  timeoutMs: 60 * 60_000,
});
