import { seconds } from './mass-loss.js';
import { type FlapRule, letThrough, type Verdict } from './rules.js';

/**
 * Whether an instance comes and goes so often that it is better left out until it is steady.
 * @param returnsMs when it came back, oldest first
 */
export function flapping(returnsMs: readonly number[], nowMs: number, rule: FlapRule): Verdict {
  const recent = recentReturns(returnsMs, nowMs, rule).length;
  if (recent < rule.returns) return letThrough;
  return {
    hold: true,
    guard: 'flap',
    reason: `it came back ${recent} times within ${seconds(rule.windowMs)}`,
    maxHoldMs: rule.maxHoldMs,
  };
}

/** Those that still count. */
export function recentReturns(returnsMs: readonly number[], nowMs: number, { windowMs }: FlapRule): readonly number[] {
  return returnsMs.filter((atMs) => nowMs - atMs < windowMs);
}
