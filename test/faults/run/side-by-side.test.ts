import assert from 'node:assert/strict';
import { type Plan, planOf } from '../plan/plan.js';
import { sideBySide } from './side-by-side.js';

const plans = Array.from({ length: 50 }, (_, index) => planOf(index + 1));

describe('fault runs side by side', () => {
  it('are each done once, at most so many at once, and never two on one registry', async () => {
    const running = new Set<Plan>();
    const done: number[] = [];
    let most = 0;
    await sideBySide(plans, 2, async (plan) => {
      const taken = [...running].flatMap(({ registries }) => registries);
      assert.ok(!plan.registries.some((kind) => taken.includes(kind)));
      running.add(plan);
      most = Math.max(most, running.size);
      await new Promise((resolve) => setTimeout(resolve, plan.seed % 3));
      running.delete(plan);
      done.push(plan.seed);
    });
    assert.equal(most, 2);
    assert.deepEqual(
      done.sort((one, other) => one - other),
      plans.map(({ seed }) => seed),
    );
  });

  it('are done one after the other, in their order, where one at once is wanted', async () => {
    const done: number[] = [];
    await sideBySide(plans, 1, async ({ seed }) => void done.push(seed));
    assert.deepEqual(
      done,
      plans.map(({ seed }) => seed),
    );
  });

  it('end what is under way, and begin nothing, when one fails', async () => {
    let ended = 0;
    const failing = sideBySide(plans, 2, async ({ seed }) => {
      await new Promise((resolve) => setTimeout(resolve, seed === 1 ? 1 : 20));
      if (seed === 1) throw new Error('broken');
      ended++;
    });
    await assert.rejects(failing, /broken/);
    assert.equal(ended, 1);
  });
});
