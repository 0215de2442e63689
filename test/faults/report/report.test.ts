import assert from 'node:assert/strict';
import type { RunResult } from '../run/result.js';
import { report } from './write-report.js';

const sample = { rssBytes: 100e6, openFds: 40, loopDelayP99Ms: 12 };
const violation = { invariant: 'I2', atMs: 5, registry: 'consul', what: 'a | b is missing' } as const;
const clean: RunResult = {
  plan: { seed: 1, registries: ['consul', 'eureka'], steps: [] },
  steps: [
    { step: { fault: 'refuse', target: 'consul', durationMs: 1000 }, convergedMs: 700, violations: [] },
    {
      step: {
        ...{ fault: 'own-kill', target: 'isthmus', durationMs: 0 },
        beside: { fault: 'empty', target: 'eureka', durationMs: 1000 },
      },
      convergedMs: 900,
      violations: [],
    },
  ],
  violations: [],
  latencies: [
    { registry: 'consul', change: 'removal', ms: 10, besideFault: false },
    { registry: 'consul', change: 'other', ms: 15, besideFault: true },
  ],
  before: sample,
  samples: [sample, { ...sample, rssBytes: 120e6, openFds: 41 }],
  ...{ responses: 7, durationMs: 60_000 },
};

describe('the report of the fault runs', () => {
  const lines = (results: readonly RunResult[]) => report(results).split('\n');
  const row = (results: readonly RunResult[], start: string) => lines(results).find((line) => line.startsWith(start));

  it('counts each fault by what it was put on, those beside another too', () => {
    assert.match(row([clean, clean], '| connections closed and refused') ?? '', /\| 0 \| 2 \| 0 \| 0 \| 0 \| - \|$/);
    assert.match(row([clean], '| valid-looking empty') ?? '', /\| - \| 0 \| 1 \| - \| - \| - \|$/);
    assert.match(row([clean], '| Isthmus killed (SIGKILL) among') ?? '', /\| - \| - \| - \| - \| - \| 1 \|$/);
    assert.ok(lines([clean]).includes('No invariant was broken.'));
  });

  it('says what was broken, and by which seed', () => {
    const [first] = clean.steps;
    assert.ok(first);
    const broken = { ...clean, steps: [{ ...first, violations: [violation] }], violations: [violation] };
    assert.match(row([broken], '| connections closed and refused') ?? '', /\| 1, \*\*1 broken\*\* \|/);
    assert.equal(row([broken], '| I2'), '| I2 | 1 | consul: a \\| b is missing |');
    assert.ok(lines([broken]).includes('Broken in seeds 1.'));
  });

  it('leaves out runs in which the registries did not come to rest, and names them', () => {
    const text = lines([clean, { ...clean, plan: { ...clean.plan, seed: 2 }, trouble: 'no leader' }]);
    assert.ok(text.some((line) => line.endsWith('registries did not come to rest: seeds 2.')));
    assert.ok(text.some((line) => line.startsWith('Seeds 1 to 2: 1 runs, 3 faults')));
  });

  it('names the seeds', () => {
    const of = (...seeds: number[]) => lines(seeds.map((seed) => ({ ...clean, plan: { ...clean.plan, seed } })));
    assert.ok(of(5, 1, 2, 3, 8, 9).some((line) => line.startsWith('Seeds 1 to 3, 5, 8 to 9: 6 runs')));
  });

  it('gives times of recovery, changes beside a fault against those without, and bounds', () => {
    assert.equal(row([clean], '| consul | 1 | 7'), '| consul | 1 | 700 ms | 700 ms | 700 ms |');
    assert.match(row([clean], '| consul | 1 | 10 ms') ?? '', /\| 1 \| 15 ms \| 15 ms \| 1.50 \| 1.50 \|$/);
    assert.equal(row([clean], '| highest memory'), '| highest memory of a run | 1.20 × | 1.20 × | 1.20 × | ≤ 1.5 × |');
  });
});
