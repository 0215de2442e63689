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

  it('is fresh again once each of ten thousand scopes has recovered', () => {
    const health = new SourceHealth(0, 1000);
    health.listed(1);
    const scopes = Array.from({ length: 10_000 }, (_, index) => `s${index}`);
    for (const scope of scopes) health.degraded('x', scope, 2);
    for (const scope of scopes) health.degraded('y', scope, 3);
    for (const scope of scopes.slice(1)) health.recovered(scope, 4);
    assert.deepEqual(health.state(4), { state: 'degraded', sinceMs: 2, cause: 'y', scopes: ['s0'] });
    health.recovered('s0', 5);
    assert.deepEqual(health.state(6), { state: 'fresh', sinceMs: 5 });
  });

  it('does not take a known scope for one too many', () => {
    const health = new SourceHealth(0, 1000);
    health.listed(1);
    for (let scope = 0; scope < SourceHealth.maxScopes; scope++) health.degraded('x', `s${scope}`, 2);
    health.degraded('y', 's0', 3);
    for (let scope = 0; scope < SourceHealth.maxScopes; scope++) health.recovered(`s${scope}`, 4);
    assert.equal(health.state(5).state, 'fresh');
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
