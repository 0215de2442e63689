import assert from 'node:assert/strict';
import { auditRealm } from '../../../adapters/kubernetes/audit.js';
import { kubernetesSchema } from '../../../adapters/kubernetes/config.js';
import { Realm, type RealmView } from '../../../adapters/kubernetes/realm.js';
import {
  decodeService,
  decodeSlice,
  type ServiceRecord,
  type SliceRecord,
} from '../../../adapters/kubernetes/records.js';
import type { KubernetesClient } from '../../../clients/kubernetes/index.js';
import type { AuditReport } from '../../../core/plugin/index.js';
import { ManualClock } from '../../../testkit/index.js';
import { FakeApi, send } from '../../clients/kubernetes/fake-api.js';
import { aService, aSlice } from './objects.js';

const settleMs = 2000;
const service = (name: string): ServiceRecord => decodeService(aService(name)) ?? assert.fail('no Service');
const slice = (name: string): SliceRecord =>
  decodeSlice(aSlice(name, [{ addresses: ['10.0.0.1'] }])) ?? assert.fail('no EndpointSlice');

describe('adapters/kubernetes: an audit, and what moves while it runs', () => {
  const realm = new Realm(kubernetesSchema.parse({ server: 'http://127.0.0.1:1' }), undefined, undefined);
  const { signal } = new AbortController();
  let api: FakeApi;
  let client: KubernetesClient;
  let clock: ManualClock;
  let view: RealmView;
  let told: string[];
  let isFailing: boolean;

  beforeEach(async () => {
    api = await FakeApi.start();
    client = api.client();
    clock = new ManualClock();
    told = [];
    isFailing = false;
    view = realm.open({
      listed: () => undefined,
      changed: ({ name }) => told.push(name),
      removed: (name) => told.push(`${name} gone`),
    });
    view.ofServices.listed(new Map([['shop/pay', service('pay')]]));
    view.ofSlices.listed(new Map());
    view.settle();
    // Beside what the view has: the Services orders and mail, and a slice of pay.
    api.handler = (_, response, url) => {
      if (isFailing) return send(response, 500, {});
      const isServices = url.pathname.endsWith('/services');
      const items = isServices
        ? [aService('pay'), aService('orders'), aService('mail')]
        : [aSlice('pay', [{ addresses: ['10.0.0.1'] }])];
      send(response, 200, { kind: 'List', metadata: { resourceVersion: '1' }, items });
    };
  });

  afterEach(async () => {
    await client.close();
    await api.close();
  });

  /** @param meanwhile what the watches tell after all was listed */
  async function audit(meanwhile: () => void): Promise<AuditReport> {
    const report = auditRealm(realm, view, { client, clock, pageSize: 10 }, signal);
    await clock.untilAsleep(1, signal);
    meanwhile();
    view.settle();
    told = [];
    await clock.advance(settleMs);
    return report;
  }

  it('takes over what no watch has told of', async () => {
    const { differences } = await audit(() => undefined);
    assert.equal(differences, 3);
    assert.deepEqual(told.toSorted(), ['shop/mail', 'shop/orders', 'shop/pay']);
  });

  it('does not put back what was made and deleted in the meantime', async () => {
    const { found } = await audit(() => {
      view.ofServices.changed('shop/orders', service('orders'));
      view.ofServices.changed('shop/orders', undefined);
      view.ofSlices.changed('shop/pay-1', slice('pay'));
      view.ofSlices.changed('shop/pay-1', undefined);
    });
    assert.deepEqual(found, [{ service: 'shop/mail', detail: 'the Service was missed' }]);
    assert.deepEqual(told, ['shop/mail']);
    assert.equal(view.sliceRecords.size, 0);
  });

  it('puts nothing over what was listed anew in the meantime', async () => {
    const { differences } = await audit(() => {
      view.ofServices.listed(new Map([['shop/pay', service('pay')]]));
      view.ofSlices.listed(new Map());
    });
    assert.equal(differences, 0);
    assert.deepEqual(told, []);
  });

  it('notes nothing any more when it is over, and when it has failed', async () => {
    const noted: ReturnType<RealmView['beginNoting']>[] = [];
    const beginNoting = view.beginNoting.bind(view);
    view.beginNoting = () => {
      const touched = beginNoting();
      noted.push(touched);
      return touched;
    };
    await audit(() => undefined);
    isFailing = true;
    await assert.rejects(auditRealm(realm, view, { client, clock, pageSize: 10 }, signal));
    assert.equal(noted.length, 2);
    view.setService('shop/late', service('late'));
    assert.deepEqual(
      noted.map((touched) => touched.has('services', 'shop/late')),
      [false, false],
    );
  });
});
