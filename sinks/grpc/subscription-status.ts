import type { AdsTypeStatus } from './ads-session.js';
import type { Subscription } from './subscription.js';

const listed = 100;

/** One type of one client as an operator sees it. */
export function typeStatusOf(subscription: Subscription, nowMs: number): AdsTypeStatus {
  const { typeUrl, last, acked, named, isWildcard, pending, behindSinceMs, refused } = subscription;
  return {
    typeUrl,
    state: stateOf(subscription),
    ...(last === undefined ? {} : last),
    ...(acked === undefined ? {} : { acked: { version: acked.version, nonce: acked.nonce } }),
    subscribed: named.size,
    wildcard: isWildcard,
    pending,
    lagMs: behindSinceMs === undefined ? 0 : nowMs - behindSinceMs,
    refused: [...refused.values()].slice(0, listed),
  };
}

function stateOf({ last, inFlight }: Subscription): AdsTypeStatus['state'] {
  if (!last) return 'waiting';
  if (inFlight) return 'sent';
  return last.error === undefined ? 'acked' : 'nacked';
}
