import { letThrough, type StalenessRule, type Verdict } from './rules.js';

/**
 * Whether what was read last is too old to go by. It says that the instances are to go, at last: unlike the other
 * guards it ends a hold, the one that a failed reading is.
 * @param confirmedMs when it was last as the registry says
 */
export function tooOld(confirmedMs: number, nowMs: number, rule: StalenessRule): Verdict {
  const ageMs = nowMs - confirmedMs;
  if (ageMs < rule.maxAgeMs) return letThrough;
  return {
    hold: true,
    guard: 'staleness',
    reason: `not read for ${Math.floor(ageMs / 1000)} s, longer than ${Math.floor(rule.maxAgeMs / 1000)} s`,
    maxHoldMs: Number.POSITIVE_INFINITY,
  };
}
