import { letThrough, type MinimumHealthyRule, type Verdict } from './rules.js';

/**
 * Whether so few of a service's instances would serve that it is better to send traffic to those that are said to be
 * unhealthy: health checks fail together when the checker is what is broken.
 * @param serving instances that would serve
 * @param present all instances of the service, serving or not
 */
export function minimumHealthy(serving: number, present: number, rule: MinimumHealthyRule): Verdict {
  if (present === 0 || serving >= present * rule.share) return letThrough;
  return {
    hold: true,
    guard: 'minimum-healthy',
    reason: `${serving} of ${present} instances are healthy, fewer than ${Math.round(rule.share * 100)} %`,
    maxHoldMs: rule.maxHoldMs,
  };
}
