import { isPartial, orderOf } from './push-order.js';
import { byName } from './resource-type.js';
import type { XdsForm } from './shared-responses.js';
import type { Covered, Stale, Subscription } from './subscription.js';
import type { XdsResource } from './xds-resource.js';

/** What a client is to be told next of one type. */
export interface Told {
  readonly resources: readonly XdsResource[];
  readonly removed: readonly string[];
  /** Names of which the client had another version. */
  readonly renewed: readonly string[];
  readonly covers: Covered;
}

/** Whether the client has answered for a type up to a revision; true for a type that it does not ask for. */
export type IsSettled = (typeUrl: string, revision: number, what: keyof Covered) => boolean;

/**
 * From here on resources are put in order. Each client names what it wants in an order of its own, and only those who are
 * sent the same in the same order share the bytes, which are megabytes when a hundred of them connect.
 */
const manyResources = 100;

/** What a client may be told now, and what has to wait for its answers to other types. */
interface Sorted {
  readonly resources: XdsResource[];
  readonly removed: string[];
  readonly renewed: string[];
  readonly waiting: [string, Stale][];
  /** Since when the oldest waits. */
  readonly since: { sets: number; removals: number };
}

/**
 * Takes from a subscription what its client may be told now; what has to wait for other types stays.
 * @returns undefined when there is nothing to tell
 */
export function nextResponse(
  subscription: Subscription,
  form: XdsForm,
  revision: number,
  isSettled: IsSettled,
): Told | undefined {
  const again = subscription.nextRetrial();
  if (again.length > 0) {
    return { resources: again, removed: [], renewed: again.map(({ name }) => name), covers: subscription.answered };
  }
  if (subscription.isFresh) return wholeWildcard(subscription, revision, isSettled);
  const isFull = form === 'sotw' && !isPartial(subscription.typeUrl);
  const { resources, removed, renewed, waiting, since } = sort(subscription, isSettled, form === 'sotw' && !isFull);
  const waits = since.sets < Number.POSITIVE_INFINITY;
  // The first response and a full one cannot leave anything out.
  if ((isFull || subscription.answerDue) && waits) return undefined;
  if (resources.length + removed.length === 0 && !subscription.answerDue) {
    subscription.keepStale(waiting);
    return undefined;
  }
  subscription.keepStale(waiting);
  subscription.answerDue = false;
  const sets = Math.min(revision, since.sets - 1);
  return {
    resources: isFull ? fullState(subscription) : inSharedOrder(resources),
    removed: form === 'delta' ? removed : [],
    renewed,
    covers: { sets, all: Math.min(sets, since.removals - 1) },
  };
}

/** The first response of a wildcard to a client that has nothing: the same for all of its gateway, and in order already. */
function wholeWildcard(subscription: Subscription, revision: number, isSettled: IsSettled): Told | undefined {
  const { type, typeUrl, gateway } = subscription;
  if (!orderOf(typeUrl).setsAfter.every((before) => isSettled(before, revision, 'sets'))) return undefined;
  subscription.endFresh();
  subscription.answerDue = false;
  const covers = { sets: revision, all: revision };
  return { resources: type.inWildcardOf(gateway), removed: [], renewed: [], covers };
}

/** @param untold removals cannot be told and need not wait */
function sort(subscription: Subscription, isSettled: IsSettled, untold: boolean): Sorted {
  const { setsAfter, removalsAfter } = orderOf(subscription.typeUrl);
  const since = { sets: Number.POSITIVE_INFINITY, removals: Number.POSITIVE_INFINITY };
  const sorted: Sorted = { resources: [], removed: [], renewed: [], waiting: [], since };
  for (const [name, stale] of subscription.stale) {
    const { held, asked, revision } = stale;
    const resource = subscription.wanted(name);
    if (resource) {
      if (!asked && held === resource.version) continue;
      if (!isAllSettled(setsAfter, revision, 'sets', isSettled)) {
        since.sets = Math.min(since.sets, stale.since);
        sorted.waiting.push([name, stale]);
        continue;
      }
      sorted.resources.push(resource);
      if (held !== undefined && held !== resource.version) sorted.renewed.push(name);
    } else if (asked) {
      sorted.removed.push(name); // told at once: nothing waits for what the client has only now asked for
    } else if (held !== undefined && !untold) {
      if (isAllSettled(removalsAfter, revision, 'all', isSettled)) sorted.removed.push(name);
      else {
        since.removals = Math.min(since.removals, stale.since);
        sorted.waiting.push([name, stale]);
      }
    }
  }
  return sorted;
}

function isAllSettled(types: readonly string[], revision: number, what: keyof Covered, isSettled: IsSettled): boolean {
  for (const type of types) if (!isSettled(type, revision, what)) return false;
  return true;
}

function inSharedOrder(resources: XdsResource[]): readonly XdsResource[] {
  return resources.length < manyResources ? resources : resources.sort(byName);
}

/** All that the client is to have, and what it may not be told to drop yet, by name. */
function fullState(subscription: Subscription): readonly XdsResource[] {
  const { type, gateway, isWildcard, named, stale } = subscription;
  const kept: XdsResource[] = [];
  for (const [name, { deleted }] of stale) if (deleted && !subscription.wanted(name)) kept.push(deleted);
  // Mostly all clients of a gateway have the same, and it is put in order once.
  if (isWildcard && named.size === 0 && kept.length === 0) return type.inWildcardOf(gateway);
  return [...subscription.allWanted(), ...kept].sort(byName);
}
