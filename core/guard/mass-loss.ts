import { letThrough, type MassLossRule, type Verdict } from './rules.js';

/**
 * Whether so much was lost that it is rather a failure of the registry.
 * @param before the most serving instances at one time within the rule's window
 * @param now serving instances as the registry says now
 */
export function massLoss(before: number, now: number, rule: MassLossRule): Verdict {
  const lost = before - now;
  if (lost < rule.minLost) return letThrough;
  const tooManyByShare = lost > before * rule.share;
  const tooManyByCount = rule.count !== undefined && lost > rule.count;
  if (!tooManyByShare && !tooManyByCount) return letThrough;
  const percent = Math.round((lost / before) * 100);
  const bound = tooManyByShare ? `${Math.round(rule.share * 100)} %` : `${rule.count}`;
  return {
    hold: true,
    guard: 'mass-loss',
    reason: `${lost} of ${before} instances (${percent} %) gone within ${seconds(rule.windowMs)}, more than ${bound}`,
    maxHoldMs: rule.maxHoldMs,
  };
}

export function seconds(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`;
}
