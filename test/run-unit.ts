import { unitLane } from './lanes.js';
import { runMocha } from './run-mocha.js';

/** All tests that need no server. */
process.exitCode = await runMocha({ lanes: [unitLane], concurrency: 1, timeoutMs: 10 * 60_000 });
