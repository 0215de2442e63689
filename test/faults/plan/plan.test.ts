import assert from 'node:assert/strict';
import { faultOf, matrix } from '../matrix/index.js';
import { planOf } from './plan.js';
import { Random } from './random.js';

const seeds = Array.from({ length: 100 }, (_, index) => index + 1);

describe('the plans of the fault runs', () => {
  it('are the same for the same seed', () => {
    for (const seed of seeds) assert.deepEqual(planOf(seed), planOf(seed));
    assert.notDeepEqual(planOf(1).steps, planOf(8).steps);
  });

  it('put faults on registries of the run alone, where they are possible', () => {
    for (const seed of seeds) {
      const { registries, steps } = planOf(seed);
      for (const step of steps.flatMap((first) => (first.beside ? [first, first.beside] : [first]))) {
        const { on, kinds, durationsMs } = faultOf(step.fault);
        assert.ok(durationsMs.includes(step.durationMs));
        if (step.target === 'isthmus') assert.equal(on, 'isthmus');
        else assert.ok(registries.includes(step.target) && kinds.includes(step.target) && on === 'registry');
      }
    }
  });

  it('last longer where that is wanted, and are the same otherwise', () => {
    for (const seed of seeds) {
      const [short, long] = [planOf(seed).steps, planOf(seed, { isLong: true }).steps];
      assert.deepEqual(
        short.map(({ fault, target }) => ({ fault, target })),
        long.map(({ fault, target }) => ({ fault, target })),
      );
      assert.deepEqual(
        long.map(({ durationMs }) => durationMs),
        short.map(({ durationMs }) => (durationMs === 6000 ? 30_000 : durationMs)),
      );
    }
  });

  it('meet every cell of the matrix within a hundred seeds', () => {
    const met = new Set(seeds.flatMap((seed) => planOf(seed).steps.map(({ fault, target }) => `${fault} ${target}`)));
    const cells = matrix.flatMap(({ id, on, kinds }) =>
      on === 'isthmus' ? [`${id} isthmus`] : kinds.map((kind) => `${id} ${kind}`),
    );
    assert.deepEqual(
      cells.filter((cell) => !met.has(cell)),
      [],
    );
  });
});

describe('Random', () => {
  it('repeats itself by its seed, and spreads', () => {
    const draw = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 1000 }, () => random.between(1, 10));
    };
    assert.deepEqual(draw(7), draw(7));
    for (let value = 1; value <= 10; value += 1) {
      const count = draw(7).filter((drawn) => drawn === value).length;
      assert.ok(count > 60 && count < 140, `${value} came ${count} times`);
    }
  });

  it('shuffles without losing anything', () => {
    const items = [1, 2, 3, 4, 5];
    assert.deepEqual(new Random(3).shuffle(items).sort(), items);
  });
});
