import { unitLanes } from './lanes.js';
import { runMocha } from './run-mocha.js';

/** All tests that need no server. */
process.exitCode = await runMocha({ lanes: unitLanes, concurrency: unitLanes.length, timeoutMs: 10 * 60_000 });
