import { seconds } from './mass-loss.js';
import { type EmptyRule, letThrough, type Verdict } from './rules.js';

/**
 * Whether a scope that had instances a moment ago seems to have none: an answer that is valid and empty is what a
 * registry gives that has lost its data, or that hides it.
 * @param scope the namespace or datacenter; empty: the whole source
 * @param before the most serving instances at one time within the rule's window
 */
export function emptied(scope: string, before: number, now: number, rule: EmptyRule): Verdict {
  if (now > 0 || before < rule.minInstances) return letThrough;
  const what = scope === '' ? 'the source' : scope;
  return {
    hold: true,
    guard: 'empty',
    reason: `${what} had ${before} instances and has none within ${seconds(rule.windowMs)}`,
    maxHoldMs: rule.maxHoldMs,
  };
}
