import type { Lane } from './mocha-lane.js';

const all = 'test/**/*.test.ts';
const servers = 'test/**/*.server.test.ts';
const endToEnd = 'test/**/*.e2e.test.ts';
const faults = 'test/**/*.faults.test.ts';
/** Those whose servers take longest to start, in a lane of their own. */
const nacosAndEureka = 'test/adapters/{nacos,eureka}/*.server.test.ts';

function ignoring(...patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => ['--ignore', pattern]);
}

const adapters = 'test/adapters/**/*.test.ts';
const outputs = 'test/{sinks,cli}/**/*.test.ts';

/** Tests that need no server. */
export const unitLanes: readonly Lane[] = [
  { name: 'adapters', args: [adapters, ...ignoring(servers)] },
  { name: 'outputs', args: [outputs, ...ignoring(servers)] },
  { name: 'core…', args: [all, ...ignoring(adapters, outputs, servers, endToEnd, faults)] },
];

/**
 * All tests, in lanes that take about as long as each other. Tests of servers wait more than they compute, so lanes
 * side by side are done sooner even on two cores; the slowest come first.
 */
export const allLanes: readonly Lane[] = [
  { name: 'nacos…', args: [nacosAndEureka] },
  { name: 'faults', args: [faults] },
  { name: 'e2e', args: [endToEnd] },
  { name: 'servers', args: [servers, ...ignoring(nacosAndEureka)] },
  ...unitLanes,
];
