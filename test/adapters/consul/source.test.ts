import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { reply } from './fake-consul.js';
import { FakeRegistry, path, row } from './fake-registry.js';
import { makeDeps, makeSource } from './make-source.js';

const filtered = { 'x-consul-results-filtered-by-acls': 'true' };
const streaming = { 'x-consul-query-backend': 'streaming' };

describe('adapters/consul: what no real Consul can be made to show', function () {
  this.timeout(30_000);
  let registry: FakeRegistry;
  let run: SourceRun;
  const metrics = new Registry();

  beforeEach(async () => {
    registry = await FakeRegistry.start('web', 'db');
  });

  afterEach(async () => {
    await run.stop();
    await registry.close();
  });

  const start = (config: object = {}) => {
    run = new SourceRun(makeSource({ servers: [registry.url], ...config }, makeDeps({ metrics })));
  };
  const ids = (name: string) =>
    run.recorder.services
      .get(name)
      ?.instances.map(({ id }) => id)
      .join();
  const until = (what: string, predicate: () => boolean) =>
    run.recorder.waitFor(predicate, { what, deadlineMs: 10_000 });
  const listed = () => until('the listing', () => ids('web') === 'host-1/web-1' && ids('db') === 'host-1/db-1');
  const watched = (name: string) =>
    poll(() => registry.requests.some((request) => request.path === path(name) && request.query.has('index')));

  it('reads everything anew when the index of a list goes backwards, and removes nothing for it', async () => {
    start();
    await listed();
    // Another history: the same index for another content, which no comparison of indexes can tell.
    registry.set(path('db'), [row('db', '1', { Port: 9999 })], { index: 101, wake: false });
    registry.set('/v1/catalog/services', { web: [], db: [] }, { index: 5 });
    await until('degraded', () => /index went backwards/.test(run.recorder.degradedScopes.get('')?.message ?? ''));
    await until('fresh', () => run.recorder.degradedScopes.size === 0);
    assert.equal(run.recorder.services.get('db')?.instances[0]?.ports['http'], 9999);
    assert.ok(!run.recorder.events.some(({ kind }) => kind === 'remove'));
  });

  it('reads each namespace of a partition by itself, as Consul Enterprise wants to be asked', async () => {
    registry.intercept = (request, response) => {
      // The second namespace has no service yet, which is no failure: the servers are in the first.
      if (request.path !== '/v1/catalog/services' || request.query.get('ns') !== 'team') return false;
      if (request.query.has('index')) return true;
      reply(response, teamHas);
      return true;
    };
    let teamHas = {};
    start({ namespaces: ['default', 'team'], partition: 'east' });
    await listed();
    assert.equal(run.recorder.degradedScopes.size, 0);
    assert.ok(!run.recorder.services.has('team/web'));
    await run.stop();
    teamHas = { web: [] };
    start({ namespaces: ['default', 'team'], partition: 'east' });
    await until('the second namespace', () => ids('team/web') === 'host-1/web-1' && ids('web') === 'host-1/web-1');
    const { name, namespace } = run.recorder.services.get('team/web')?.attributes ?? {};
    assert.deepEqual([name, namespace], ['web', 'team']);
    for (const { path: asked, query } of registry.requests) {
      const isOfPartition = asked === '/v1/catalog/nodes' || asked === '/v1/config/proxy-defaults';
      assert.equal(query.has('ns'), !isOfPartition, asked);
      assert.equal(query.get('partition'), 'east');
    }
  });

  it('waits for a leader that has caught up before it lists, unless stale reads are wanted', async () => {
    const first = () => registry.requests.find((request) => !request.path.startsWith('/v1/agent'));
    start();
    await listed();
    assert.deepEqual([first()?.path, first()?.query.has('consistent')], ['/v1/catalog/nodes', true]);
    // Until all is listed, each read: leaders may follow one another quickly.
    const reads = registry.requests.filter(
      ({ path: asked, query }) => asked.startsWith('/v1/health/service/') && !query.has('index'),
    );
    assert.ok(reads.length > 0 && reads.every(({ query }) => query.has('consistent')));
    await run.stop();
    const before = registry.requests.length;
    start({ consistency: 'stale' });
    await listed();
    const later = registry.requests.slice(before);
    assert.ok(later.every(({ query }) => query.has('stale') && !query.has('consistent')));
  });

  it('takes nothing from a leader that has forgotten the newest of a service, and lists anew', async () => {
    start();
    await listed();
    await watched('web');
    // It answers with what it has applied of its log so far, but for those who wait until that is all.
    registry.intercept = ({ path: asked, query }, response) => {
      if (asked !== path('web') || query.has('consistent')) return false;
      reply(response, [], { 'x-consul-index': '5' });
      return true;
    };
    registry.set(path('web'), [row('web')], { index: 200 });
    await until('degraded', () => /index went backwards/.test(run.recorder.degradedScopes.get('')?.message ?? ''));
    await until('fresh', () => run.recorder.degradedScopes.size === 0);
    assert.ok(run.recorder.events.every((event) => event.kind !== 'upsert' || event.service.instances.length > 0));
    assert.equal(ids('web'), 'host-1/web-1');
  });

  describe('after a restart', () => {
    /** A source that knows of the one before only what stands on disk. */
    const restart = async (config: object = {}) => {
      const earlier = [...run.recorder.services.values()];
      await run.stop();
      run = new SourceRun(makeSource({ servers: [registry.url], ...config }, makeDeps({ metrics })), earlier);
    };
    const synced = () => until('the listing', () => run.recorder.synced);

    it('keeps what it had published of what ACLs hide now', async () => {
      registry.list('web', 'db', 'cache');
      registry.set(path('cache'), [row('cache'), row('cache', '2')]);
      start();
      await until('the listing', () => ids('cache') === 'host-1/cache-1,host-1/cache-2');
      // One is no longer listed, of one no instance is shown, and of one not all.
      registry.set('/v1/catalog/services', { db: [], cache: [] }, { headers: filtered });
      registry.set(path('web'), [], { headers: filtered });
      registry.set(path('db'), [], { headers: filtered });
      registry.set(path('cache'), [row('cache')], { headers: filtered });
      await restart();
      await synced();
      assert.deepEqual(
        ['web', 'db', 'cache'].map((name) => ids(name)),
        ['host-1/web-1', 'host-1/db-1', 'host-1/cache-1,host-1/cache-2'],
      );
      assert.ok(!run.recorder.events.some(({ kind }) => kind === 'remove'));
      await until('all are degraded', () => run.recorder.degradedScopes.size === 3);
    });

    it('lets go of what has gone meanwhile, and of what is not to be read any more', async () => {
      start();
      await listed();
      registry.list('web');
      registry.set(path('db'), []);
      await restart({ exclude: ['web'] });
      await synced();
      assert.deepEqual([run.recorder.services.has('web'), ids('db')], [false, '']);
    });
  });

  it('goes on when stale reads come from a server that is behind', async () => {
    start({ consistency: 'stale' });
    await listed();
    registry.set('/v1/catalog/services', { web: [], db: [], new: [] }, { index: 5 });
    registry.set(path('new'), [row('new')]);
    await until('the change', () => ids('new') === 'host-1/new-1');
    assert.ok(!run.recorder.events.some(({ kind }) => kind === 'degraded'));
  });

  it('takes a catalog with no node for one that is not there yet', async () => {
    registry.set('/v1/catalog/nodes', []);
    registry.set('/v1/catalog/services', {});
    start();
    await until('degraded', () => /no node yet/.test(run.recorder.degradedScopes.get('')?.message ?? ''));
    assert.equal(run.recorder.synced, false);
  });

  it('removes nothing for a catalog with no service: the servers themselves are one', async () => {
    start();
    await listed();
    // Before 1.11 Consul does not say that ACLs have emptied an answer.
    registry.set(path('web'), [], { wake: false });
    registry.set(path('db'), [], { wake: false });
    registry.set('/v1/catalog/services', {});
    await until('degraded', () => /no service/.test(run.recorder.degradedScopes.get('')?.message ?? ''));
    assert.equal(ids('web'), 'host-1/web-1');
    assert.equal(ids('db'), 'host-1/db-1');
  });

  it('takes no service for empty while the whole catalog seems to be, and does when it is not', async () => {
    start();
    await listed();
    await watched('web');
    registry.set('/v1/catalog/services', {}, { wake: false });
    registry.set(path('web'), []);
    await until('degraded', () => /no service/.test(run.recorder.degradedScopes.get('')?.message ?? ''));
    assert.equal(ids('web'), 'host-1/web-1');
    registry.list('web', 'db');
    await until('fresh', () => run.recorder.degradedScopes.size === 0);
    await until('it to be empty', () => ids('web') === '');
    assert.equal(ids('db'), 'host-1/db-1');
  });

  it('does not read a hidden service again at each change of the catalog', async () => {
    const reads = (resource: string) => registry.requests.filter((request) => request.path === resource).length;
    const catalog = '/v1/catalog/services';
    start();
    await listed();
    registry.set(path('db'), [], { headers: filtered, wake: false });
    for (let round = 0; round < 6; round++) {
      const before = reads(catalog);
      registry.set(catalog, { web: [`tag-${round}`] }, { headers: filtered });
      await poll(() => reads(catalog) > before);
      if (round === 0) await until('degraded', () => run.recorder.degradedScopes.has('service db'));
    }
    const count = registry.requests.filter(({ path: asked, query }) => asked === path('db') && !query.has('index'));
    // The listing, the one that found it hidden, and at most two of its own retries.
    assert.ok(count.length <= 4, `${count.length} reads`);
  });

  it('lists everything ever more seldom when each listing is followed by a failure', async () => {
    registry.intercept = (request, response) => {
      if (request.path !== '/v1/health/state/critical' || !request.query.has('index')) return false;
      response.writeHead(504).end('a proxy that lets nobody wait');
      return true;
    };
    start();
    const listings = () =>
      registry.requests.filter((request) => request.path === '/v1/catalog/nodes' && !request.query.has('index'));
    await poll(() => listings().length >= 5);
    const times = listings().map(({ atMs }) => atMs);
    // Half of 250, 500, 1000 and 2000 ms at least; without back-off all of them are over in one second.
    assert.ok((times[4] ?? 0) - (times[0] ?? 0) > 1800, `${times}`);
  });

  it('believes a streamed answer that lacks instances only once a direct one lacks them too', async () => {
    start();
    await listed();
    await watched('web');
    // The streamed view does not say that ACLs have emptied it; the direct read does.
    registry.intercept = (request, response) => {
      if (request.path !== path('web')) return false;
      const isDirect = !request.query.has('index');
      response
        .writeHead(200, { 'x-consul-index': isDirect ? 300 : 200, ...(isDirect ? filtered : streaming) })
        .end('[]');
      return true;
    };
    registry.set(path('web'), [], { index: 200 });
    await until('degraded', () => run.recorder.degradedScopes.has('service web'));
    assert.equal(ids('web'), 'host-1/web-1');
    registry.intercept = () => false;
    registry.set(path('web'), [], { index: 400, headers: streaming });
    await until('the removal', () => ids('web') === '');
    assert.equal(run.recorder.degradedScopes.size, 0);
  });

  it('takes nothing of a streamed view that is behind what was read directly', async () => {
    const port = () => run.recorder.services.get('web')?.instances[0]?.ports['http'];
    const web = (number: number) => [row('web', '1', { Port: number })];
    start();
    await listed();
    await watched('web');
    const direct = { body: web(7003), index: 300 };
    let view = { body: [] as object[], index: 200 };
    const asked: number[] = [];
    registry.intercept = (request, response) => {
      if (request.path !== path('web')) return false;
      const index = Number(request.query.get('index') ?? 0);
      if (index === 0) reply(response, direct.body, { 'x-consul-index': direct.index });
      else if (asked.push(index) <= 4) reply(response, view.body, { ...streaming, 'x-consul-index': view.index });
      return true;
    };
    // The view comes to a removal, for which the leader is asked, who is two changes further.
    registry.set(path('web'), view.body, { index: view.index, headers: streaming });
    view = { body: web(7002), index: 250 };
    await until('what the leader has', () => port() === 7003);
    // The view comes to the change before, each time that the wait for a newer state is over.
    await poll(() => asked.length > 4);
    assert.deepEqual(asked.slice(0, 5), [101, 300, 300, 300, 300]);
    assert.ok(!run.recorder.events.some(({ kind }) => kind === 'degraded'));
    const ports = run.recorder.events.flatMap((event) =>
      event.kind === 'upsert' && event.service.name === 'web'
        ? event.service.instances.map((each) => each.ports['http'])
        : [],
    );
    assert.deepEqual(ports, [7003]);
  });

  it('reads everything anew when the leader is as far behind as a streamed view says', async () => {
    start();
    await listed();
    await watched('web');
    registry.set(path('db'), [row('db', '1', { Port: 9999 })], { index: 101, wake: false });
    registry.set(path('web'), [row('web', '1', { Port: 7001 })], { index: 5, headers: streaming });
    await until('degraded', () => /index went backwards/.test(run.recorder.degradedScopes.get('')?.message ?? ''));
    await until('fresh', () => run.recorder.degradedScopes.size === 0);
    const port = (name: string) => run.recorder.services.get(name)?.instances[0]?.ports['http'];
    assert.deepEqual([port('web'), port('db')], [7001, 9999]);
  });

  it('keeps an instance that a filtered answer lacks, and takes one that it adds', async () => {
    start();
    await listed();
    await watched('web');
    registry.set(path('web'), [row('web', '1'), row('web', '2')], { headers: filtered });
    await until('the addition', () => ids('web') === 'host-1/web-1,host-1/web-2');
    registry.set(path('web'), [row('web', '2')], { headers: filtered });
    await until('degraded', () => run.recorder.degradedScopes.has('service web'));
    assert.equal(ids('web'), 'host-1/web-1,host-1/web-2');
  });

  it('publishes the others when one service cannot be read, and that one when it can', async () => {
    registry.set(path('db'), 'not a list');
    start();
    await until('the listing', () => ids('web') === 'host-1/web-1');
    assert.deepEqual([...run.recorder.degradedScopes.keys()], ['service db']);
    registry.set(path('db'), [row('db')]);
    await until('the other one', () => ids('db') === 'host-1/db-1');
    assert.equal(run.recorder.degradedScopes.size, 0);
  });

  it('asks again when a server is busy, before it gives the listing up', async () => {
    let busy = 2;
    registry.intercept = (request, response) => {
      if (request.path !== path('web') || busy-- <= 0) return false;
      response.writeHead(429).end('rate limit exceeded');
      return true;
    };
    start();
    await listed();
    assert.ok(!run.recorder.events.some(({ kind }) => kind === 'degraded'));
  });

  it('finds by its audit what no watch told of, and counts it', async () => {
    for (const maxConnections of [8, 100]) {
      await run?.stop();
      start({ maxConnections, auditMs: 1000 });
      await listed();
      if (maxConnections > 8) await watched('web');
      registry.set(path('web'), [row('web', '1', { Port: 7000 + maxConnections })], { wake: false });
      await until(
        'the change',
        () => run.recorder.services.get('web')?.instances[0]?.ports['http'] === 7000 + maxConnections,
      );
      const reported = () => run.recorder.audits.find(({ differences }) => differences > 0);
      await until('the report', () => reported() !== undefined);
      assert.deepEqual(reported(), {
        ...{ compared: 2, differences: 1 },
        found: [{ service: 'web', detail: 'instance host-1/web-1 had changed unseen' }],
      });
    }
    const metric = metrics.getSingleMetric('isthmus_consul_audit_differences_total');
    assert.equal((await metric?.get())?.values[0]?.value, 2);
  });

  it('asks a service that loses its watch to another one what has changed meanwhile', async () => {
    registry.set(path('new'), [row('new')]);
    registry.list('db', 'web', 'new');
    start({ maxConnections: 10 });
    await listed();
    for (const name of ['db', 'web']) await watched(name);
    // The catalog tells of a change of db, whose watch is to see it by itself; its answer is still on the way.
    registry.set(path('db'), [row('db', '1', { Port: 7001 })], { wake: false });
    registry.list('db', 'web', 'new');
    await poll(() => registry.requests.filter((request) => request.query.get('tag')).length > 0);
    // Then a change of a service without a watch, which takes the place of db.
    registry.set(path('new'), [row('new', '1', { Port: 7002 })]);
    registry.list('db', 'web', 'new');
    const port = (name: string) => run.recorder.services.get(name)?.instances[0]?.ports['http'];
    await until('the change of new', () => port('new') === 7002);
    await until('the change of db', () => port('db') === 7001);
  });

  it('keeps what was published of services that a filtered list lacks after a reconnect', async () => {
    start();
    await listed();
    registry.set('/v1/health/service/db', [], { headers: filtered, wake: false });
    registry.set('/v1/catalog/services', { web: [] }, { index: 5, headers: filtered });
    await until('degraded', () => run.recorder.degradedScopes.has('service db'));
    assert.equal(ids('db'), 'host-1/db-1');
    assert.equal(ids('web'), 'host-1/web-1');
  });
});
