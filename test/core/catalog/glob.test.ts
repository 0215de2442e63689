import assert from 'node:assert/strict';
import { matchesGlob } from '../../../core/catalog/glob.js';

describe('matchesGlob', () => {
  it('matches literally without a star', () => {
    assert.ok(matchesGlob('a.b', 'a.b'));
    assert.ok(!matchesGlob('a.b', 'axb'));
    assert.ok(!matchesGlob('a', 'ab'));
    assert.ok(matchesGlob('', ''));
  });

  it('lets a star stand for anything', () => {
    assert.ok(matchesGlob('orders.*', 'orders.nacos'));
    assert.ok(matchesGlob('*', ''));
    assert.ok(matchesGlob('a*b*c', 'axxbyybzc'));
    assert.ok(!matchesGlob('a*b*c', 'axxbyybz'));
    assert.ok(!matchesGlob('*x', 'y'));
  });

  it('takes no exponential time', () => {
    assert.ok(!matchesGlob(`${'*a'.repeat(40)}b`, 'a'.repeat(5000)));
  });
});
