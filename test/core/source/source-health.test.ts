import assert from 'node:assert/strict';
import { SourceHealth } from '../../../core/source/source-health.js';

describe('SourceHealth', () => {
  it('starts, gets fresh, degrades, goes stale and recovers', () => {
    const health = new SourceHealth(0, 100);
    assert.deepEqual(health.state(5), { state: 'starting', sinceMs: 0 });
    health.degraded('refused', undefined, 6);
    assert.deepEqual(health.state(500), { state: 'starting', sinceMs: 0, cause: 'refused' });
    health.listed(10);
    assert.deepEqual(health.state(11), { state: 'fresh', sinceMs: 10 });
    health.degraded('reset', undefined, 20);
    health.degraded('timed out', undefined, 30);
    assert.deepEqual(health.state(119), { state: 'degraded', sinceMs: 20, cause: 'timed out', scopes: [] });
    assert.equal(health.state(120).state, 'stale');
    health.listed(130);
    assert.deepEqual(health.state(131), { state: 'fresh', sinceMs: 130 });
  });

  it('stays degraded until every scope has recovered', () => {
    const health = new SourceHealth(0, 1000);
    health.listed(1);
    health.degraded('403', 'gray', 2);
    health.degraded('500', 'public', 3);
    assert.equal(health.recovered('gray', 4), true);
    assert.deepEqual(health.state(5), { state: 'degraded', sinceMs: 3, cause: '500', scopes: ['public'] });
    assert.equal(health.recovered('public', 6), true);
    assert.equal(health.recovered('public', 7), false);
    assert.deepEqual(health.state(8), { state: 'fresh', sinceMs: 6 });
  });

  it('keeps a bounded number of scopes', () => {
    const health = new SourceHealth(0, 1000);
    health.listed(1);
    for (let scope = 0; scope < SourceHealth.maxScopes + 10; scope++) health.degraded('x', `s${scope}`, 2);
    const state = health.state(3);
    assert.equal(state.state, 'degraded');
    assert.ok('scopes' in state && state.scopes.length <= 20);
  });
});
