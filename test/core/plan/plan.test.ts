import assert from 'node:assert/strict';
import fc from 'fast-check';
import { applyPolicy, type PlanRules, planFor, policyNames } from '../../../core/plan/plan.js';

interface Item {
  readonly content: number;
  readonly foreign?: string;
  readonly keep?: string;
}

const rules: PlanRules<Item, Item> = {
  whyForeign: ({ foreign }) => foreign,
  isSame: (desired, observed) => desired.content === observed.content,
  whyKeep: ({ keep }) => keep,
};
const plan = (desired?: Item, observed?: Item) => planFor(desired, observed, rules);
const one = { content: 1 };
const foreign = { content: 1, foreign: 'it is theirs' };

describe('core/plan', () => {
  it('makes what is not there, changes what differs, and deletes what is not wanted', () => {
    assert.deepEqual(plan(one, undefined), { kind: 'create', desired: one });
    assert.deepEqual(plan(one, { content: 2 }), { kind: 'update', desired: one, observed: { content: 2 } });
    assert.deepEqual(plan(undefined, one), { kind: 'delete', observed: one });
    assert.deepEqual([plan(one, one), plan()], [{ kind: 'none' }, { kind: 'none' }]);
  });

  it('leaves alone what is not ours, the same or not, wanted or not', () => {
    assert.deepEqual(plan(one, foreign), { kind: 'conflict', reason: 'it is theirs' });
    assert.deepEqual(plan({ content: 2 }, foreign), { kind: 'conflict', reason: 'it is theirs' });
    assert.deepEqual(plan(undefined, foreign), { kind: 'none' });
  });

  it('holds a deletion for as long as there is a reason', () => {
    const held = plan(undefined, { content: 1, keep: 'not read yet' });
    assert.deepEqual(held, { kind: 'held', would: 'delete', by: 'reason', reason: 'not read yet' });
  });

  it('has policies that do less, never more, and never touch what is not ours', () => {
    const item = fc.record(
      { content: fc.nat(2), foreign: fc.constant('x'), keep: fc.constant('y') },
      { requiredKeys: ['content'] },
    );
    const maybe = fc.option(item, { nil: undefined });
    fc.assert(
      fc.property(maybe, maybe, fc.constantFrom(...policyNames), (desired, observed, policy) => {
        const planned = plan(desired, observed);
        const action = applyPolicy(policy, planned);
        const isDoing = ['create', 'update', 'delete'].includes(action.kind);
        if (isDoing) assert.deepEqual(action, planned);
        if (isDoing) assert.equal(observed?.foreign, undefined);
        if (policy === 'dry-run') assert.ok(!isDoing);
        if (policy === 'upsert-only') assert.notEqual(action.kind, 'delete');
        if (policy === 'sync') assert.deepEqual(action, planned);
        if (action.kind === 'delete') assert.equal(desired, undefined);
      }),
    );
  });
});
