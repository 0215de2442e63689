/** What is to be done about one object of a foreign store, and why nothing is. */
export type Action<Desired, Observed> =
  /** Nothing: it is as it should be, or neither wanted nor ours. */
  | { readonly kind: 'none' }
  | { readonly kind: 'create'; readonly desired: Desired }
  | { readonly kind: 'update'; readonly desired: Desired; readonly observed: Observed }
  | { readonly kind: 'delete'; readonly observed: Observed }
  /** Somebody else's object has the place: it is left alone. */
  | { readonly kind: 'conflict'; readonly reason: string }
  /** Something is to be done, and is not done: by a policy, or until a reason is over. */
  | {
      readonly kind: 'held';
      readonly would: 'create' | 'update' | 'delete';
      readonly by: 'policy' | 'reason';
      readonly reason: string;
    };

/** How objects are judged; all pure. */
export interface PlanRules<Desired, Observed> {
  /** Undefined: it is ours; else why it is not. */
  whyForeign(observed: Observed): string | undefined;
  isSame(desired: Desired, observed: Observed): boolean;
  /** Undefined: it may be deleted; else what is waited for. */
  whyKeep(observed: Observed): string | undefined;
}

/**
 * Compares what should be with what is, for one object. Only what is ours is ever changed or deleted.
 *
 *   desired │ observed │ ours │ same │ action
 *   ────────┼──────────┼──────┼──────┼──────────────────────────────
 *   yes     │ no       │      │      │ create
 *   yes     │ yes      │ yes  │ yes  │ none
 *   yes     │ yes      │ yes  │ no   │ update
 *   yes     │ yes      │ no   │      │ conflict
 *   no      │ yes      │ yes  │      │ delete, held while there is a reason to keep it
 *   no      │ yes      │ no   │      │ none
 *   no      │ no       │      │      │ none
 */
export function planFor<Desired, Observed>(
  desired: Desired | undefined,
  observed: Observed | undefined,
  rules: PlanRules<Desired, Observed>,
): Action<Desired, Observed> {
  if (observed === undefined) return desired === undefined ? { kind: 'none' } : { kind: 'create', desired };
  const foreign = rules.whyForeign(observed);
  if (foreign !== undefined) return desired === undefined ? { kind: 'none' } : { kind: 'conflict', reason: foreign };
  if (desired !== undefined) {
    return rules.isSame(desired, observed) ? { kind: 'none' } : { kind: 'update', desired, observed };
  }
  const keep = rules.whyKeep(observed);
  return keep === undefined
    ? { kind: 'delete', observed }
    : { kind: 'held', would: 'delete', by: 'reason', reason: keep };
}

export const policyNames = ['sync', 'upsert-only', 'dry-run'] as const;

/**
 * - `sync`: everything that is planned is done
 * - `upsert-only`: nothing is deleted
 * - `dry-run`: nothing is done
 */
export type PolicyName = (typeof policyNames)[number];

/** What a policy makes of an action. */
export function applyPolicy<Desired, Observed>(
  policy: PolicyName,
  action: Action<Desired, Observed>,
): Action<Desired, Observed> {
  if (action.kind !== 'create' && action.kind !== 'update' && action.kind !== 'delete') return action;
  const isHeld = policy === 'dry-run' || (policy === 'upsert-only' && action.kind === 'delete');
  return isHeld ? { kind: 'held', would: action.kind, by: 'policy', reason: `the policy is ${policy}` } : action;
}
