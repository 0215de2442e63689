import { allLanes } from './lanes.js';
import { runMocha } from './run-mocha.js';

/** All tests, or the files given as arguments. Needs the test servers: `npm run servers`. */
const files = process.argv.slice(2);
process.exitCode = await runMocha({
  lanes: files.length > 0 ? [{ name: 'tests', args: files }] : allLanes,
  concurrency: 3,
  timeoutMs: 60 * 60_000,
});
