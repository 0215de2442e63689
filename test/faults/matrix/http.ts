import type { HttpFault } from '../bed/http-fault-proxy.js';
import type { Fault, FaultContext } from '../plan/fault.js';

const durationsMs = [1000, 6000];

function answering(id: string, title: string, invariants: string, fault: (context: FaultContext) => HttpFault): Fault {
  return {
    ...{ id, title, invariants, durationsMs, on: 'registry', kinds: ['consul', 'eureka'] },
    async inject(context) {
      const { httpFaults } = context.registry;
      const answer = fault(context);
      for (const proxy of httpFaults) proxy.fault = answer;
      return {
        async run() {
          for (const proxy of httpFaults) proxy.fault = { kind: 'pass' };
        },
      };
    },
  };
}

/** Answers that a proxy puts in the place of the registry's, for what a real server cannot be made to answer at will. */
export const httpFaults: readonly Fault[] = [
  ...[401, 403, 429, 503].map((status) =>
    answering(`status-${status}`, `HTTP ${status}`, 'I2 I9', () => ({ kind: 'status', status, body: 'not now' })),
  ),
  answering('truncated', 'half of each answer', 'I2', () => ({ kind: 'truncate' })),
  answering('empty', 'valid-looking empty answers', 'I2', ({ registry }) => registry.emptyAnswers ?? { kind: 'pass' }),
];
