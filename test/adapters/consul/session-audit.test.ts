import assert from 'node:assert/strict';
import { newServiceState } from '../../../adapters/consul/service-state.js';
import { auditSession } from '../../../adapters/consul/session-audit.js';
import { systemClock } from '../../../core/plugin/index.js';
import { SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { FakeRegistry, path, row } from './fake-registry.js';
import { makeSource } from './make-source.js';

describe('adapters/consul: audit of a session', function () {
  this.timeout(60_000);

  it('reads several services at a time, and no more than it may', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `service-${index}`);
    let reading = 0;
    let most = 0;
    const report = await auditSession(
      {
        clock: systemClock,
        parallel: 4,
        list: async () => new Set(names),
        states: new Map(names.map((name) => [name, newServiceState(name, undefined)])),
        read: async () => {
          most = Math.max(most, ++reading);
          await new Promise(setImmediate);
          reading--;
          return undefined;
        },
        isPending: () => false,
        repair: async () => undefined,
        published: (name) => name,
      },
      new AbortController().signal,
    );
    assert.equal(report.compared, 40);
    assert.equal(most, 4);
  });

  it('counts a service that no watch has told of, and none that has come and gone meanwhile', async () => {
    const lists = [['gone', 'missed'], ['missed']];
    const repaired: string[] = [];
    const report = await auditSession(
      {
        clock: { now: () => 0, sleep: async () => undefined },
        parallel: 4,
        list: async () => new Set(lists.shift()),
        states: new Map(),
        read: async () => undefined,
        isPending: () => false,
        repair: async (name) => void repaired.push(name),
        published: (name) => name,
      },
      new AbortController().signal,
    );
    assert.deepEqual(report.found, [{ service: 'missed', detail: 'the service was missed' }]);
    assert.equal(report.differences, 1);
    assert.deepEqual(repaired, ['missed']);
  });

  it('fails when its session ends while it waits for a repair', async () => {
    const registry = await FakeRegistry.start('orders');
    const source = makeSource({ servers: [registry.url] });
    const run = new SourceRun(source);
    try {
      const listed = () => run.recorder.services.get('orders')?.instances.length === 1;
      await run.recorder.waitFor(listed, { what: 'the listing', deadlineMs: 30_000 });
      await poll(() =>
        registry.requests.some((request) => request.path === path('orders') && request.query.has('index')),
      );
      // A change that no watch is told of, and whose repair is never answered.
      registry.set(path('orders'), [row('orders'), row('orders', '2')], { wake: false });
      let reads = 0;
      registry.intercept = (request) => request.path === path('orders') && !request.query.has('index') && ++reads > 2;
      const audit = assert.rejects(source.audit(new AbortController().signal), /went backwards/);
      await poll(() => reads > 2);
      registry.intercept = () => false;
      registry.set('/v1/catalog/services', { orders: [] }, { index: 1 });
      await audit;
    } finally {
      await run.stop();
      await registry.close();
    }
  });
});
