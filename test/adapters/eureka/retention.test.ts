import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { convertApplication } from '../../../adapters/eureka/applications.js';
import type { InstanceRecord } from '../../../adapters/eureka/convert.js';
import { KnownServices } from '../../../adapters/eureka/known-services.js';
import { Reconciliation } from '../../../adapters/eureka/reconciliation.js';
import { type ApplicationRecords, RegistryView } from '../../../adapters/eureka/registry-view.js';
import { Sharing } from '../../../adapters/eureka/sharing.js';
import { instanceJson, listing } from './listing.js';

const options = { address: 'ip', protocol: 'http', servicePort: 80, serviceName: 'app' } as const;

function records(name: string, ...instances: Record<string, unknown>[]): ApplicationRecords {
  const converted = convertApplication({ name, instance: instances }, options, new Sharing());
  assert.ok(converted);
  return converted;
}

function viewOf(content: Readonly<Record<string, readonly string[]>>, before?: RegistryView): RegistryView {
  const view = new RegistryView(before);
  for (const [name, ids] of Object.entries(content))
    view.add(records(name, ...ids.map((id) => instanceJson(name, id))));
  return view;
}

describe('adapters/eureka RegistryView', () => {
  it('computes the hash of the servers over any content and after any changes', () => {
    const change = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      name: fc.constantFrom('A', 'B'),
      status: fc.constantFrom('UP', 'DOWN', 'OUT_OF_SERVICE', 'STARTING'),
      actionType: fc.constantFrom('ADDED', 'MODIFIED', 'DELETED'),
    });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const view = new RegistryView();
        const expected: Record<string, Record<string, Record<string, unknown>>> = { A: {}, B: {} };
        for (const { id, name, status, actionType } of changes) {
          view.apply(records(name, instanceJson(name, id, { status, actionType })));
          const known = expected[name] ?? {};
          if (actionType === 'DELETED') delete known[id];
          else known[id] = instanceJson(name, id, { status });
        }
        const lists = Object.fromEntries(Object.entries(expected).map(([name, known]) => [name, Object.values(known)]));
        assert.equal(view.hash(), listing(lists).applications.apps__hashcode);
        assert.equal(view.instanceCount, Object.values(lists).flat().length);
      }),
    );
  });

  it('deletes the instance that is meant, and only that one', () => {
    const view = viewOf({ A: ['i1', 'i2', 'i3'] });
    assert.equal(view.apply(records('A', instanceJson('A', 'i3', { actionType: 'DELETED' }))), true);
    assert.deepEqual([...view.records('A').keys()], ['i1', 'i2']);
  });

  it('changes nothing when a delta comes again', () => {
    const view = viewOf({ A: ['i1'] });
    const delta = [
      records('A', instanceJson('A', 'i2')),
      records('A', instanceJson('A', 'i1', { actionType: 'DELETED' })),
    ];
    assert.deepEqual(
      delta.map((one) => view.apply(one)),
      [true, true],
    );
    assert.deepEqual(
      delta.map((one) => view.apply(one)),
      [false, false],
    );
  });

  it('takes over from the view before what says the same', () => {
    const before = viewOf({ A: ['i1', 'i2'] });
    const after = new RegistryView(before);
    after.add(records('A', instanceJson('A', 'i1'), instanceJson('A', 'i2', { metadata: { version: '2' } })));
    assert.equal(after.records('A').get('i1'), before.records('A').get('i1'));
    assert.notEqual(after.records('A').get('i2'), before.records('A').get('i2'));
  });
});

describe('adapters/eureka KnownServices', () => {
  const none = () => false;
  const list = async (
    known: KnownServices,
    view: RegistryView,
    before: RegistryView,
    isGone: (record: InstanceRecord) => boolean,
    nowMs: number,
  ) => known.takeOver(await known.plan(view, before, isGone, nowMs, async () => undefined));
  const make = (change: object = {}) =>
    new KnownServices({ ...options, missingGraceMs: 90_000, forgetEmptyAfterMs: 600_000, ...change });
  const ids = (known: KnownServices, name: string) =>
    [...known.services()].find((service) => service.name === name)?.instances.map(({ id }) => id);

  it('keeps an instance that a listing lacks for its grace, and lets it go then', async () => {
    const known = make();
    const before = viewOf({ A: ['i1', 'i2'] });
    await list(known, before, new RegistryView(), none, 0);
    const after = viewOf({ A: ['i1'] }, before);
    await list(known, after, before, none, 1000);
    assert.deepEqual(ids(known, 'A'), ['i1', 'i2']);
    assert.equal(known.heldCount, 1);
    assert.deepEqual(known.expire(after, 90_999), { upserts: [], removes: [] });
    assert.deepEqual(
      known.expire(after, 91_000).upserts.map((service) => service.instances.map(({ id }) => id)),
      [['i1']],
    );
    assert.equal(known.heldCount, 0);
  });

  it('does not begin the grace anew with each listing', async () => {
    const known = make();
    const before = viewOf({ A: ['i1'] });
    await list(known, before, new RegistryView(), none, 0);
    const empty = viewOf({}, before);
    await list(known, empty, before, none, 1000);
    await list(known, viewOf({}, empty), empty, none, 80_000);
    assert.equal(known.expire(empty, 91_000).upserts.length, 1);
  });

  it('lets an instance go at once whose deletion was reported, before or after it was missing', async () => {
    const known = make();
    const before = viewOf({ A: ['i1', 'i2', 'i3'] });
    await list(known, before, new RegistryView(), none, 0);
    const after = viewOf({ A: ['i1'] }, before);
    await list(known, after, before, ({ application, id }) => application === 'A' && id === 'i2', 1000);
    assert.deepEqual(ids(known, 'A'), ['i1', 'i3']);
    assert.deepEqual(
      known.dropGone(({ id }) => id === 'i3'),
      ['A'],
    );
    known.update('A', after, 2000);
    assert.deepEqual(ids(known, 'A'), ['i1']);
  });

  it('takes an instance that comes back for the one it was', async () => {
    const known = make();
    const before = viewOf({ A: ['i1'] });
    await list(known, before, new RegistryView(), none, 0);
    const empty = viewOf({}, before);
    await list(known, empty, before, none, 1000);
    await list(known, viewOf({ A: ['i1'] }, empty), empty, none, 2000);
    assert.equal(known.heldCount, 0);
    assert.deepEqual(known.expire(before, 1e9), { upserts: [], removes: [] });
    assert.deepEqual(ids(known, 'A'), ['i1']);
  });

  it('keeps an empty application for its time, counted from when it became empty', async () => {
    const known = make({ missingGraceMs: 0 });
    const before = viewOf({ A: ['i1'] });
    await list(known, before, new RegistryView(), none, 0);
    const empty = viewOf({}, before);
    await list(known, empty, before, none, 1000);
    assert.deepEqual(ids(known, 'A'), []);
    await list(known, viewOf({}, empty), empty, none, 300_000);
    assert.deepEqual(known.expire(empty, 600_999), { upserts: [], removes: [] });
    assert.deepEqual(known.expire(empty, 601_000).removes, ['A']);
    assert.equal(known.serviceCount, 0);
  });
});

describe('adapters/eureka Reconciliation', () => {
  it('lists at once, then ever more rarely while it does not help', () => {
    const reconciliation = new Reconciliation({ baseMs: 10_000, maxMs: 300_000 });
    const times: number[] = [];
    for (let nowMs = 0; nowMs < 3_600_000; nowMs += 5000) if (reconciliation.mismatched(nowMs)) times.push(nowMs);
    assert.deepEqual(times.slice(0, 1), [0]);
    assert.ok(times.length <= 30, `${times.length} listings in an hour`);
    assert.equal(reconciliation.isStuck, true);
  });

  it('starts over once the hash has matched for a while', () => {
    const reconciliation = new Reconciliation({ baseMs: 10_000, maxMs: 300_000 });
    assert.equal(reconciliation.mismatched(0), true);
    reconciliation.matched();
    assert.equal(reconciliation.mismatched(1), false);
    for (let count = 0; count < 3; count++) reconciliation.matched();
    assert.equal(reconciliation.mismatched(2), true);
  });
});
