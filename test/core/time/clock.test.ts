import assert from 'node:assert/strict';
import { systemClock, wallClock } from '../../../core/time/index.js';

describe('the clocks', () => {
  const real = Date.now;
  afterEach(() => {
    Date.now = real;
  });

  it('say the same until somebody sets the clock of the machine', () => {
    assert.ok(Number.isInteger(systemClock.now()));
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 1000);
    assert.equal(wallClock.now() >= systemClock.now() - 1000, true);
  });

  for (const minutes of [10, -10]) {
    it(`go on as they were, or go with it, when it is set to ${minutes} minutes`, () => {
      const before = systemClock.now();
      Date.now = () => real() + minutes * 60_000;
      assert.ok(systemClock.now() - before >= 0 && systemClock.now() - before < 1000);
      assert.ok(Math.abs(wallClock.now() - before - minutes * 60_000) < 1000);
    });
  }
});
