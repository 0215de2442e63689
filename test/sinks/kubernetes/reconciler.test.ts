import assert from 'node:assert/strict';
import type { KubernetesClient } from '../../../clients/kubernetes/index.js';
import type { PolicyName } from '../../../core/plan/plan.js';
import { annotations, type Manifest, manifest, ownerLabels } from '../../../sinks/kubernetes/manifest.js';
import { type Observed, observedKey } from '../../../sinks/kubernetes/observed.js';
import { Reconciler } from '../../../sinks/kubernetes/reconciler.js';
import { ManualClock } from '../../../testkit/index.js';
import { FakeApi, send } from '../../clients/kubernetes/fake-api.js';
import { poll } from '../../support/poll.js';

const owner = { site: 'hz-1', sink: 'kubernetes' };
const kind = 'ServiceEntry';
const name = 'legacy/orders';
const key = `${kind}/${name}`;
const wanted = manifest({
  ...{ kind, namespace: 'legacy', name: 'orders', host: 'orders' },
  ...{ labels: ownerLabels(owner), annotations: { [annotations.host]: 'orders' }, spec: { hosts: ['orders'] } },
});
/** As somebody who goes by other rules has left it. */
const other: Observed = {
  ...{ kind, namespace: 'legacy', name: 'orders', uid: 'u', resourceVersion: '5' },
  ...{ foreign: undefined, version: 'other', host: 'orders', sources: [] },
};
const asWanted: Observed = { ...other, resourceVersion: '6', version: wanted.version };
const foreign: Observed = { ...other, foreign: 'it was not made by Isthmus', version: '' };

describe('sinks/kubernetes: what is remembered of an object', () => {
  let api: FakeApi;
  let client: KubernetesClient;
  let clock: ManualClock;
  let desired: Map<string, Manifest>;
  let keep: string | undefined;
  let reconciler: Reconciler;
  let stop: AbortController;
  let working: Promise<unknown>;

  beforeEach(async () => {
    api = await FakeApi.start();
    client = api.client();
    clock = new ManualClock();
    desired = new Map();
    keep = undefined;
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort(new Error('stopped'));
    await working;
    await client.close();
    await api.close();
    assert.equal(clock.sleepers, 0, 'a timer is left');
  });

  const listing = (...items: readonly Observed[]) => new Map(items.map((item) => [observedKey(item), item]));
  const settled = () => poll(() => clock.advance(0).then(() => reconciler.pending === 0), { intervalMs: 5 });

  async function start(policy: PolicyName, ...items: readonly Observed[]): Promise<void> {
    reconciler = new Reconciler(
      {
        ...{ owner, policy, apiVersion: 'v1', writesPerSecond: 100, clock, desired, whyKeep: () => keep },
        ...{ onWrite: () => undefined, onConflict: () => undefined, onFailure: () => undefined },
      },
      [kind],
    );
    reconciler.begin();
    reconciler.fill();
    reconciler.listed(kind, listing(...items));
    working = reconciler.work(client, stop.signal).catch(() => undefined);
    await settled();
  }

  /** Nothing is left of it, and nothing is to be done. */
  const assertForgotten = () => {
    const { held, conflicts, failing, pending } = reconciler;
    assert.deepEqual({ held: [...held], conflicts: [...conflicts], failing: [...failing], pending }, nothing);
  };
  const nothing = { held: [], conflicts: [], failing: [], pending: 0 };

  /** How the reconciler comes to know that the object is gone, or another. */
  const ways: readonly (readonly [string, (item?: Observed) => void])[] = [
    ['the watch tells of it', (item) => reconciler.changed(kind, name, item)],
    ['it is listed anew', (item) => reconciler.listed(kind, item ? listing(item) : new Map())],
    [
      'the next session lists',
      (item) => {
        reconciler.begin();
        reconciler.listed(kind, item ? listing(item) : new Map());
      },
    ],
  ];
  for (const [way, tell] of ways) {
    describe(way, () => {
      it('holds a deletion no more when the object is gone', async () => {
        await start('upsert-only', other);
        assert.deepEqual([...reconciler.held.keys()], [key]);
        tell();
        assertForgotten();
      });

      it('holds a deletion that waits for a reason no more when the object is gone', async () => {
        keep = 'a source was not read yet';
        await start('sync', other);
        assert.deepEqual([...reconciler.held.keys()], [key]);
        tell();
        assertForgotten();
      });

      it('holds an update no more when others have made it', async () => {
        desired.set(key, wanted);
        await start('dry-run', other);
        assert.deepEqual([...reconciler.held.keys()], [key]);
        tell(asWanted);
        assertForgotten();
      });

      it('has no conflict any more when the object is as it should be, and ours', async () => {
        desired.set(key, wanted);
        await start('sync', foreign);
        assert.deepEqual([...reconciler.conflicts.keys()], [key]);
        tell(asWanted);
        assertForgotten();
      });

      it('fails no more when others have done what could not be done', async () => {
        api.handler = (_, response) => send(response, 403, {});
        desired.set(key, wanted);
        await start('sync', other);
        assert.deepEqual([...reconciler.failing.keys()], [key]);
        tell(asWanted);
        assertForgotten();
      });

      it('still holds what is still to be done', async () => {
        await start('upsert-only', other);
        tell({ ...other, resourceVersion: '9' });
        await settled();
        assert.deepEqual([...reconciler.held.keys()], [key]);
      });

      it('takes no object for one that was settled before it had gone', async () => {
        // A webhook of theirs changes what is applied.
        const { labels, annotations: notes } = wanted;
        const metadata = { namespace: 'legacy', name: 'orders', uid: 'u', resourceVersion: '7', labels };
        const managedFields = [{ manager: 'isthmus/hz-1/kubernetes', operation: 'Apply', fieldsV1: {} }];
        api.handler = (_, response) =>
          send(response, 200, { metadata: { ...metadata, annotations: notes, managedFields }, spec: { hosts: ['x'] } });
        desired.set(key, wanted);
        await start('sync', other);
        const written = reconciler.observed.get(key) ?? assert.fail('it was not written');
        assert.notEqual(written.version, wanted.version);
        reconciler.changed(kind, name, written);
        assertForgotten();

        desired.clear();
        tell();
        desired.set(key, wanted);
        // A backup of the API's store is put back: the versions begin anew.
        reconciler.changed(kind, name, { ...written, version: 'from the backup' });
        assert.equal(reconciler.pending, 1);
      });
    });
  }
});
