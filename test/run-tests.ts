import { ALL_TESTS, runMocha } from './run-mocha.js';

/** All tests, or the files given as arguments. Needs the test servers: `npm run servers`. */
const files = process.argv.slice(2);
process.exitCode = await runMocha({ args: files.length > 0 ? files : [ALL_TESTS], timeoutMs: 60 * 60_000 });
