import type { HttpFault } from '../bed/http-fault-proxy.js';
import type { Fault, FaultContext, Heal } from '../plan/fault.js';

const durationsMs = [1000, 6000];

function answering(id: string, title: string, invariants: string, fault: (context: FaultContext) => HttpFault): Fault {
  return {
    ...{ id, title, invariants, durationsMs, on: 'registry', kinds: ['consul', 'eureka'] },
    inject: (context) => put(context, fault(context)),
  };
}

/** Answers that a proxy puts in the place of the registry's, for what a real server cannot be made to answer at will. */
export const httpFaults: readonly Fault[] = [
  ...[401, 403, 429, 503].map((status) =>
    answering(`status-${status}`, `HTTP ${status}`, 'I2 I9', () => ({ kind: 'status', status, body: 'not now' })),
  ),
  answering('truncated', 'half of each answer', 'I2', () => ({ kind: 'truncate' })),
  answering('empty', 'valid-looking empty answers', 'I2', ({ registry }) => registry.emptyAnswers ?? { kind: 'pass' }),
  {
    ...{ id: 'wrong-hash', title: 'a hash that does not fit the instances', invariants: 'I2 I9', durationsMs },
    ...{ on: 'registry', kinds: ['eureka'] },
    inject: (context) => put(context, { kind: 'rewrite', body: (body) => body.replace(hash, '$1UP_7_') }),
  },
];

/** The hash of Eureka's listings and deltas, `UP_160_`. */
const hash = /("apps__hashcode":")[^"]*/;

async function put({ registry: { httpFaults: proxies } }: FaultContext, fault: HttpFault): Promise<Heal> {
  for (const proxy of proxies) proxy.fault = fault;
  return {
    async run() {
      for (const proxy of proxies) proxy.fault = { kind: 'pass' };
    },
  };
}
