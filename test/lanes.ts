import type { Lane } from './mocha-lane.js';

const all = 'test/**/*.test.ts';
const servers = 'test/**/*.server.test.ts';
const endToEnd = 'test/**/*.e2e.test.ts';
const faults = 'test/**/*.faults.test.ts';
/** Those with a Nacos of their own, which they stop, pause or configure; the others share one of each version. */
const ownNacos = ['auth', 'nacos1', 'source'].map((name) => `test/adapters/nacos/${name}.server.test.ts`);
const nacos = 'test/adapters/nacos/*.server.test.ts';
const eureka = 'test/adapters/eureka/*.server.test.ts';
/** Those that start Java applications of Dubbo. */
const dubbo = ['adapters/dubbo/*', 'adapters/zookeeper/applications', 'adapters/zookeeper/dubbo', 'servers/dubbo'].map(
  (name) => `test/${name}.server.test.ts`,
);
/** Those that start consumers, too, or that wait for applications the longest. */
const dubboRules = ['mapping', 'real-consumers'].map((name) => `test/adapters/zookeeper/${name}.server.test.ts`);
/** Those of the Kubernetes API, of one istiod on it, and of the daemon with either. */
const kubernetes = ['adapters/kubernetes/*', 'sinks/kubernetes/*', 'servers/kube'].map(
  (name) => `test/${name}.server.test.ts`,
);
const kubernetesEndToEnd = 'test/e2e/kubernetes*.e2e.test.ts';
/** Those of istiod, Envoy and gRPC clients. */
const sinkServers = 'test/sinks/**/*.server.test.ts';
const zookeeper = 'test/adapters/zookeeper/*.server.test.ts';
const ownServers = 'test/servers/*.server.test.ts';
const nacosEndToEnd = 'test/e2e/nacos*.e2e.test.ts';

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
 * All tests, in lanes of a few minutes each. Tests of servers wait more than they compute, so lanes side by side are done
 * sooner even on two cores; the longest come first, so that none is left over at the end.
 */
export const allLanes: readonly Lane[] = [
  { name: 'faults', args: [faults] },
  { name: 'nacos', args: [nacos, ...ignoring(...ownNacos)] },
  { name: 'e2e', args: [endToEnd, ...ignoring(nacosEndToEnd, kubernetesEndToEnd)] },
  { name: 'dubbo', args: dubbo },
  { name: 'dubbo rules', args: dubboRules },
  { name: 'servers', args: [ownServers, ...ignoring(...dubbo, ...kubernetes)] },
  { name: 'nacos own', args: ownNacos },
  { name: 'kubernetes', args: [...kubernetes, kubernetesEndToEnd] },
  { name: 'eureka', args: [eureka] },
  { name: 'e2e nacos', args: [nacosEndToEnd] },
  { name: 'zookeeper', args: [zookeeper, ...ignoring(...dubbo, ...dubboRules)] },
  { name: 'sinks', args: [sinkServers, ...ignoring(...kubernetes)] },
  {
    name: 'consul…',
    args: [servers, ...ignoring(nacos, eureka, ...dubbo, ...kubernetes, zookeeper, ownServers, sinkServers)],
  },
  ...unitLanes,
];
