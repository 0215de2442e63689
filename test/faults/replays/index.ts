import type { Plan } from '../plan/plan.js';

/** A plan under which something once did not hold, kept so that it stays mended. */
export interface Replay {
  readonly name: string;
  /** What was found. */
  readonly found: string;
  readonly plan: Plan;
}

export const replays: readonly Replay[] = [
  {
    name: 'clock-in-a-hold',
    found: 'the clock set forward ended the hold of a mass loss at once',
    plan: {
      seed: 1001,
      registries: ['consul'],
      steps: [
        {
          ...{ fault: 'mass-expiry', target: 'consul', durationMs: 1000 },
          beside: { fault: 'own-clock10', target: 'isthmus', durationMs: 3000 },
        },
      ],
    },
  },
  {
    name: 'damaged-and-cut-off',
    found: 'a damaged file on disk and a registry out of reach brought an older state back',
    plan: {
      seed: 1002,
      registries: ['consul'],
      steps: [
        { fault: 'delay', target: 'consul', durationMs: 6000 },
        {
          ...{ fault: 'black-hole', target: 'consul', durationMs: 6000 },
          beside: { fault: 'own-damaged', target: 'isthmus', durationMs: 6000 },
        },
      ],
    },
  },
  {
    name: 'old-log-of-consul',
    found: 'a Consul whose servers were all restarted brought back, while it went through its log, what was gone',
    plan: {
      seed: 1003,
      registries: ['consul'],
      steps: [1, 2, 3].map(() => ({ fault: 'restart-all', target: 'consul', durationMs: 1000 })),
    },
  },
];
