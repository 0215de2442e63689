import assert from 'node:assert/strict';
import { ServingCount, wholeSource } from '../../../core/guard/serving-count.js';
import { aService } from '../../support/model.js';
import { ids } from './a-table.js';

const windowMs = 60_000;

describe('the count of serving instances', () => {
  let count: ServingCount;
  beforeEach(() => {
    count = new ServingCount({ empty: { minInstances: 5, windowMs, maxHoldMs: 600_000 } });
  });

  const inNamespace = (namespace: string, serving: number) =>
    aService(`s.${namespace}`, ids(1, serving), { attributes: { namespace } });

  it('keeps no namespace that is gone for longer than the windows', () => {
    for (let build = 0; build < 100; build++) {
      const atMs = build * windowMs;
      const namespace = `build-${build}`;
      count.set(`s.${namespace}`, inNamespace(namespace, 10));
      count.settle(atMs);
      count.set(`s.${namespace}`, undefined);
      count.settle(atMs + 1000);
      count.forget(Number.NEGATIVE_INFINITY, atMs + 2000);
      assert.equal(count.scopes, 2, 'the whole source and the namespace of this build');
    }
    count.forget(Number.NEGATIVE_INFINITY, 101 * windowMs);
    assert.equal(count.scopes, 1);
  });

  it('knows what a namespace had until the window is over', () => {
    count.set('s.a', inNamespace('a', 10));
    count.settle(0);
    count.set('s.a', undefined);
    count.settle(1000);
    count.forget(Number.NEGATIVE_INFINITY, 1000 + windowMs - 1);
    assert.equal(count.most('a', 1000 + windowMs - 1, windowMs), 10);
    count.forget(Number.NEGATIVE_INFINITY, 1000 + windowMs);
    assert.equal(count.scopes, 1);
    count.set('s.a', inNamespace('a', 7));
    count.settle(2 * windowMs);
    assert.deepEqual([count.now('a'), count.most('a', 2 * windowMs, windowMs)], [7, 7]);
  });

  it('goes on with a namespace that has services and serves nothing', () => {
    count.set('s.a', inNamespace('a', 0));
    count.settle(0);
    count.forget(Number.NEGATIVE_INFINITY, 0);
    assert.equal(count.scopes, 1);
    count.set('s.a', inNamespace('a', 8));
    count.settle(1000);
    count.set('s.a', inNamespace('a', 3));
    count.settle(2000);
    count.forget(Number.NEGATIVE_INFINITY, 2000 + 2 * windowMs);
    assert.deepEqual([count.now('a'), count.now(wholeSource), count.scopes], [3, 3, 2]);
  });
});
