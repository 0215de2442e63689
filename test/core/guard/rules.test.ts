import assert from 'node:assert/strict';
import fc from 'fast-check';
import { emptied } from '../../../core/guard/empty.js';
import { flapping } from '../../../core/guard/flap.js';
import { massLoss } from '../../../core/guard/mass-loss.js';
import { minimumHealthy } from '../../../core/guard/minimum-healthy.js';
import { ServingWindow } from '../../../core/guard/serving-window.js';
import { tooOld } from '../../../core/guard/staleness.js';

const loss = { share: 0.15, windowMs: 60_000, minLost: 5, maxHoldMs: 600_000 };

describe('guard rules', () => {
  it('mass-loss: holds what is more than the share, and not what is just that', () => {
    assert.equal(massLoss(100, 85, loss).hold, false);
    const verdict = massLoss(100, 84, loss);
    assert.ok(verdict.hold);
    assert.equal(verdict.guard, 'mass-loss');
    assert.equal(verdict.maxHoldMs, 600_000);
    assert.equal(verdict.reason, '16 of 100 instances (16 %) gone within 60 s, more than 15 %');
  });

  it('mass-loss: lets a few instances go, whatever their share', () => {
    assert.equal(massLoss(8, 4, loss).hold, false);
    assert.equal(massLoss(8, 3, loss).hold, true);
  });

  it('mass-loss: holds by number where a number is set', () => {
    assert.equal(massLoss(10_000, 9_899, { ...loss, count: 100 }).hold, true);
    assert.equal(massLoss(10_000, 9_900, { ...loss, count: 100 }).hold, false);
  });

  it('empty: holds the last of a scope that had some', () => {
    const rule = { minInstances: 3, windowMs: 60_000, maxHoldMs: 1000 };
    const verdict = emptied('gray', 3, 0, rule);
    assert.ok(verdict.hold);
    assert.match(verdict.reason, /^gray had 3 instances and has none within 60 s$/);
    assert.equal(emptied('gray', 3, 1, rule).hold, false);
    assert.equal(emptied('gray', 2, 0, rule).hold, false);
  });

  it('minimum-healthy: holds when fewer would serve than the share', () => {
    const rule = { share: 0.5, maxHoldMs: 1000 };
    assert.equal(minimumHealthy(5, 10, rule).hold, false);
    assert.equal(minimumHealthy(4, 10, rule).hold, true);
    assert.equal(minimumHealthy(0, 0, rule).hold, false);
  });

  it('flap: counts returns within the window alone', () => {
    const rule = { returns: 3, windowMs: 1000, quietMs: 100, maxHoldMs: 1000 };
    assert.equal(flapping([0, 100, 200], 999, rule).hold, true);
    assert.equal(flapping([0, 100, 200], 1000, rule).hold, false);
  });

  it('staleness: ends at its age', () => {
    assert.equal(tooOld(0, 999, { maxAgeMs: 1000 }).hold, false);
    assert.equal(tooOld(0, 1000, { maxAgeMs: 1000 }).hold, true);
  });
});

describe('ServingWindow', () => {
  it('gives the most within its window, as a plain look at all levels does', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 0, max: 50 }), count: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 100 }), (steps, withinMs) => {
        const window = new ServingWindow(100);
        const levels: { fromMs: number; untilMs: number; count: number }[] = [];
        let nowMs = 0;
        let count = 0;
        let fromMs = 0;
        for (const step of steps) {
          nowMs += step.afterMs;
          levels.push({ fromMs, untilMs: nowMs, count });
          count = step.count;
          fromMs = nowMs;
          window.push(nowMs, count);
          const expected = levels.filter(({ untilMs }) => nowMs - untilMs < withinMs).map((level) => level.count);
          assert.equal(window.max(nowMs, withinMs), Math.max(count, ...expected));
        }
      }),
    );
  });

  it('keeps the measure of a count that has not changed for long', () => {
    const window = new ServingWindow(1000);
    window.push(0, 50);
    window.push(1_000_000, 10);
    assert.equal(window.max(1_000_000), 50);
    assert.equal(window.max(1_001_000), 10);
    window.push(1_001_001, 5);
    window.forget(1_001_001);
    assert.equal(window.max(1_001_001), 5);
  });
});
