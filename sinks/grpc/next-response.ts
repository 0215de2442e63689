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

interface Sorted {
  readonly sets: [string, Stale, XdsResource][];
  readonly removals: [string, Stale][];
  /** Revisions of the oldest that has to wait for other types. */
  readonly waiting: { sets: number; removals: number };
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
  const isFull = form === 'sotw' && !isPartial(subscription.typeUrl);
  const sorted = sort(subscription, isSettled, form === 'sotw' && !isFull);
  const { sets, removals, waiting } = sorted;
  // The first response and a full one cannot leave anything out.
  if ((isFull || subscription.answerDue) && waiting.sets < Number.POSITIVE_INFINITY) return undefined;
  if (sets.length + removals.length === 0 && !subscription.answerDue) return undefined;
  for (const [name] of sets) subscription.stale.delete(name);
  for (const [name] of removals) subscription.stale.delete(name);
  subscription.answerDue = false;
  const sentSets = Math.min(revision, waiting.sets - 1);
  return {
    resources: isFull ? fullState(subscription) : sets.map(([, , resource]) => resource),
    removed: form === 'delta' ? removals.map(([name]) => name) : [],
    renewed: sets.filter(([, { held }, { version }]) => held !== undefined && held !== version).map(([name]) => name),
    covers: { sets: sentSets, all: Math.min(sentSets, waiting.removals - 1) },
  };
}

/** @param untold removals cannot be told and need not wait */
function sort(subscription: Subscription, isSettled: IsSettled, untold: boolean): Sorted {
  const { setsAfter, removalsAfter } = orderOf(subscription.typeUrl);
  const sorted: Sorted = {
    sets: [],
    removals: [],
    waiting: { sets: Number.POSITIVE_INFINITY, removals: Number.POSITIVE_INFINITY },
  };
  const { sets, removals, waiting } = sorted;
  for (const [name, stale] of subscription.stale) {
    const { held, asked, since, revision } = stale;
    const resource = subscription.wanted(name);
    if (resource) {
      if (!asked && held === resource.version) subscription.stale.delete(name);
      else if (setsAfter.every((type) => isSettled(type, revision, 'sets'))) sets.push([name, stale, resource]);
      else waiting.sets = Math.min(waiting.sets, since);
    } else if (asked) {
      removals.push([name, stale]); // told at once: nothing waits for what the client has only now asked for
    } else if (held === undefined || untold) {
      subscription.stale.delete(name);
    } else if (removalsAfter.every((type) => isSettled(type, revision, 'all'))) {
      removals.push([name, stale]);
    } else {
      waiting.removals = Math.min(waiting.removals, since);
    }
  }
  return sorted;
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
