import assert from 'node:assert/strict';
import type { Change } from '../../../core/catalog/catalog.js';
import { HostTemplate } from '../../../core/catalog/host-template.js';
import { LiveCatalog } from '../../../core/catalog/live-catalog.js';
import { Naming } from '../../../core/catalog/naming.js';
import { Readiness } from '../../../core/catalog/readiness.js';
import { anInstance, aService } from '../../support/model.js';

const template = new HostTemplate('{name}.mesh');

function aCatalog(required: string[] = []) {
  const readiness = new Readiness(required.map((name) => ({ name, graceMs: 1000 })));
  const problems: string[] = [];
  const catalog = new LiveCatalog({
    sources: ['a', 'b'],
    naming: new Naming(
      [],
      new Map([
        ['a', template],
        ['b', template],
      ]),
    ),
    policyOf: () => ({ mode: 'union' }),
    readiness,
    onProblem: ({ reason }) => problems.push(reason),
  });
  return { catalog, readiness, problems };
}

async function next(changes: AsyncIterator<Change>): Promise<Change> {
  const { value, done } = await changes.next();
  assert.ok(!done);
  return value;
}

const orders = aService('orders', [anInstance('1')]);

describe('LiveCatalog', () => {
  it('shows everything first, then what changed', async () => {
    const { catalog } = aCatalog();
    catalog.apply('a', [['orders', orders]]);
    const changes = catalog.watch(AbortSignal.timeout(5000))[Symbol.asyncIterator]();
    const first = await next(changes);
    assert.equal(first.reset, true);
    assert.deepEqual(
      first.upserts.map(({ host }) => host),
      ['orders.mesh'],
    );
    catalog.apply('a', [['pay', aService('pay')]]);
    const second = await next(changes);
    assert.equal(second.reset, false);
    assert.deepEqual(
      second.upserts.map(({ host }) => host),
      ['pay.mesh'],
    );
    assert.ok(second.revision > first.revision);
  });

  it('lets a slow reader skip revisions', async () => {
    const { catalog } = aCatalog();
    const changes = catalog.watch(AbortSignal.timeout(5000))[Symbol.asyncIterator]();
    await next(changes);
    for (let id = 0; id < 10; id++) catalog.apply('a', [['orders', aService('orders', [anInstance(String(id))])]]);
    catalog.apply('a', [['pay', aService('pay')]]);
    catalog.apply('a', [['pay', undefined]]);
    const change = await next(changes);
    assert.deepEqual(
      change.upserts.map(({ origins }) => origins[0]?.instances[0]?.id),
      ['9'],
    );
    assert.deepEqual(change.removes, ['pay.mesh']);
  });

  it('makes no revision of what is the same', () => {
    const { catalog } = aCatalog();
    catalog.apply('a', [['orders', orders]]);
    const { revision } = catalog.snapshot();
    catalog.apply('a', [['orders', aService('orders', [anInstance('1')])]]);
    assert.equal(catalog.snapshot().revision, revision);
  });

  it('keeps an empty service and removes one that is gone', async () => {
    const { catalog } = aCatalog();
    catalog.apply('a', [['orders', orders]]);
    catalog.apply('a', [['orders', aService('orders')]]);
    assert.equal(catalog.snapshot().services.get('orders.mesh')?.origins[0]?.instances.length, 0);
    catalog.apply('a', [['orders', undefined]]);
    assert.equal(catalog.snapshot().services.size, 0);
  });

  it('keeps a host as long as one source has it', () => {
    const { catalog } = aCatalog();
    catalog.apply('a', [['orders', orders]]);
    catalog.apply('b', [['orders', aService('orders', [anInstance('2', { address: '10.0.0.2' })])]]);
    assert.deepEqual(
      catalog
        .snapshot()
        .services.get('orders.mesh')
        ?.origins.map(({ source }) => source),
      ['a', 'b'],
    );
    catalog.apply('a', [['orders', undefined]]);
    assert.deepEqual(
      catalog
        .snapshot()
        .services.get('orders.mesh')
        ?.origins.map(({ source }) => source),
      ['b'],
    );
  });

  it('shows nothing before it is ready, and ends a watch that waits when it is told to', async () => {
    const { catalog, readiness } = aCatalog(['a']);
    catalog.apply('b', [['orders', orders]]);
    assert.equal(catalog.snapshot().services.size, 0);
    const stop = new AbortController();
    const waiting = catalog.watch(stop.signal)[Symbol.asyncIterator]().next();
    stop.abort();
    assert.equal((await waiting).done, true);
    const changes = catalog.watch(AbortSignal.timeout(5000))[Symbol.asyncIterator]();
    const first = next(changes);
    readiness.synced('a');
    assert.deepEqual(
      (await first).upserts.map(({ host }) => host),
      ['orders.mesh'],
    );
  });

  describe('with names that DNS cannot tell apart', () => {
    const twins = ['Orders', 'orders', 'ORDERS'].map((name) => [name, aService(name, [anInstance(name)])] as const);

    it('publishes each under a host of its own, the same in any order', () => {
      const hosts = [twins, [...twins].reverse()].map((order) => {
        const { catalog, problems } = aCatalog();
        for (const twin of order) catalog.apply('a', [twin]);
        assert.equal(catalog.problems().length, 2);
        assert.ok(problems.length >= 2);
        return [...catalog.snapshot().services]
          .map(([host, service]) => `${host}=${service.origins[0]?.service}`)
          .sort();
      });
      assert.deepEqual(hosts[0], hosts[1]);
      assert.equal(hosts[0]?.length, 3);
      assert.ok(hosts[0]?.includes('orders.mesh=orders'));
    });

    it('merges twins of one name that two sources have', () => {
      const { catalog } = aCatalog();
      const inA = aService('Orders', [anInstance('1', { address: '10.0.0.1' })]);
      const inB = aService('Orders', [anInstance('2', { address: '10.0.0.2' })]);
      for (const source of ['a', 'b']) catalog.apply(source, [['orders', aService('orders')]]);
      catalog.apply('a', [['Orders', inA]]);
      catalog.apply('b', [['Orders', inB]]);
      const twin = [...catalog.snapshot().services.values()].find(({ host }) => host !== 'orders.mesh');
      assert.deepEqual(
        twin?.origins.map(({ source, instances }) => [source, instances[0]?.id]),
        [
          ['a', '1'],
          ['b', '2'],
        ],
      );
      catalog.apply('b', [['Orders', undefined]]);
      assert.deepEqual(
        catalog
          .snapshot()
          .services.get(twin?.host ?? '')
          ?.origins.map(({ source }) => source),
        ['a'],
      );
    });

    it('takes the hosts of twins back when they go', () => {
      const { catalog } = aCatalog();
      for (const twin of twins) catalog.apply('a', [twin]);
      for (const [name] of twins) if (name !== 'orders') catalog.apply('a', [[name, undefined]]);
      assert.deepEqual([...catalog.snapshot().services.keys()], ['orders.mesh']);
      assert.deepEqual(catalog.problems(), []);
      catalog.apply('a', [['orders', undefined]]);
      assert.equal(catalog.snapshot().services.size, 0);
    });
  });

  it('reports a service that no host can be made for', () => {
    const { catalog, problems } = aCatalog();
    catalog.apply('a', [['///', aService('///')]]);
    catalog.apply('a', [['///', aService('///', [anInstance('1')])]]);
    assert.equal(problems.length, 1);
    assert.equal(catalog.snapshot().services.size, 0);
    assert.equal(catalog.problems()[0]?.service, '///');
    catalog.apply('a', [['///', undefined]]);
    assert.deepEqual(catalog.problems(), []);
  });

  it('leaves nothing behind when a reader stops', async () => {
    const { catalog } = aCatalog();
    const stop = new AbortController();
    const reading = (async () => {
      let seen = 0;
      for await (const _ of catalog.watch(stop.signal)) seen++;
      return seen;
    })();
    catalog.apply('a', [['orders', orders]]);
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    assert.ok((await reading) >= 1);
  });
});
