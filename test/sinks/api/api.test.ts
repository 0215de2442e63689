import assert from 'node:assert/strict';
import type { SourceStatus } from '../../../core/source/status.js';
import { http } from '../../support/http.js';
import { aCatalogService, aSource, startApi, type TestApi } from './api.js';

async function json(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const { status, body } = await http(url);
  return { status, body: JSON.parse(body) as Record<string, unknown> };
}

describe('the REST API', () => {
  let test: TestApi;
  let sources: SourceStatus[];
  let sinkReady: boolean;

  beforeEach(async () => {
    sources = [aSource('nacos-hz')];
    sinkReady = true;
    test = await startApi({
      sources: () => sources,
      sinks: () => [{ name: 'mcp', kind: 'mcp', ready: sinkReady }],
      missing: () => sources.filter(({ required, synced }) => required && !synced).map(({ name }) => name),
      problems: () => [{ host: 'a.b', reason: 'clash' }],
    });
  });
  afterEach(() => test.api.stop());

  it('is alive always, and ready when the catalog and the sinks are', async () => {
    assert.deepEqual(await json(`${test.url}/readyz`), { status: 200, body: { ready: true, missing: [] } });
    test.catalog.isReady = false;
    sinkReady = false;
    sources = [
      aSource('nacos-hz', { synced: false, status: { state: 'starting', sinceMs: 1, cause: 'connect ECONNREFUSED' } }),
      aSource('file', { required: false, synced: false }),
    ];
    assert.deepEqual(await json(`${test.url}/readyz`), {
      status: 503,
      body: {
        ready: false,
        missing: [
          { name: 'nacos-hz', reason: 'the source was not read yet: connect ECONNREFUSED' },
          { name: 'mcp', reason: 'the sink does not serve yet' },
        ],
      },
    });
    assert.equal((await http(`${test.url}/healthz`)).status, 200);
  });

  it('shows the sources', async () => {
    sources = [
      aSource('a'),
      aSource('b', { rejected: 1, rejections: [{ service: 's', record: 'r', reason: 'bad port' }] }),
    ];
    assert.deepEqual(await json(`${test.url}/api/v1/sources`), { status: 200, body: { items: sources } });
    assert.deepEqual((await json(`${test.url}/api/v1/sources/b`)).body, sources[1]);
    assert.equal((await http(`${test.url}/api/v1/sources/c`)).status, 404);
  });

  it('shows the sinks, and what the catalog could not do', async () => {
    sinkReady = false;
    assert.deepEqual((await json(`${test.url}/api/v1/sinks`)).body, {
      items: [{ name: 'mcp', kind: 'mcp', ready: false }],
    });
    const problems = (await json(`${test.url}/api/v1/problems`)).body;
    assert.deepEqual(problems, { items: [{ host: 'a.b', reason: 'clash' }], total: 1 });
  });

  it('shows a service with its origins and instances', async () => {
    const service = aCatalogService('orders.nacos', ['nacos-hz', 'eureka-bj']);
    test.catalog.set(service);
    for (const host of ['orders.nacos', 'Orders.Nacos']) {
      assert.deepEqual(await json(`${test.url}/api/v1/services/${host}`), { status: 200, body: service });
    }
    const missing = await json(`${test.url}/api/v1/services/none`);
    assert.deepEqual(missing, {
      status: 404,
      body: { type: 'about:blank', title: 'Not Found', status: 404, detail: 'no service has this host' },
    });
  });

  it('shows nothing of a catalog that is not ready', async () => {
    test.catalog.set(aCatalogService('a.nacos'));
    test.catalog.isReady = false;
    assert.deepEqual((await json(`${test.url}/api/v1/services`)).body, { revision: 1, items: [] });
    test.catalog.isReady = true;
    assert.equal(((await json(`${test.url}/api/v1/services`)).body['items'] as unknown[]).length, 1);
  });

  it('filters by source and by a glob over hosts', async () => {
    test.catalog.set(
      aCatalogService('a.nacos'),
      aCatalogService('a.eureka', ['eureka-bj']),
      aCatalogService('b.nacos', ['nacos-hz', 'eureka-bj']),
    );
    const hosts = async (query: string) =>
      ((await json(`${test.url}/api/v1/services?${query}`)).body['items'] as { host: string }[]).map(
        ({ host }) => host,
      );
    assert.deepEqual(await hosts(''), ['a.eureka', 'a.nacos', 'b.nacos']);
    assert.deepEqual(await hosts('source=eureka-bj'), ['a.eureka', 'b.nacos']);
    assert.deepEqual(await hosts('host=*.NACOS'), ['a.nacos', 'b.nacos']);
    assert.deepEqual(await hosts('host=a.*&source=nacos-hz'), ['a.nacos']);
    assert.deepEqual(await hosts('source=none'), []);
    assert.deepEqual(await hosts(`host=${'*a'.repeat(100)}b`), []);
  });

  it('gives instances with where they came from', async () => {
    test.catalog.set(aCatalogService('a.nacos', ['nacos-hz', 'eureka-bj']));
    const { body } = await json(`${test.url}/api/v1/instances`);
    const items = body['items'] as Record<string, unknown>[];
    assert.deepEqual(
      items.map(({ host, source, service, active, id, address }) => ({ host, source, service, active, id, address })),
      [
        {
          host: 'a.nacos',
          source: 'nacos-hz',
          service: 'a.nacos@nacos-hz',
          active: true,
          id: 'nacos-hz-1',
          address: '10.0.0.1',
        },
        {
          host: 'a.nacos',
          source: 'eureka-bj',
          service: 'a.nacos@eureka-bj',
          active: false,
          id: 'eureka-bj-1',
          address: '10.0.0.2',
        },
      ],
    );
    const only = (await json(`${test.url}/api/v1/instances?source=eureka-bj`)).body['items'] as unknown[];
    assert.equal(only.length, 1);
  });

  it('pages through a list, also when what a page ended with is gone meanwhile', async () => {
    const all = Array.from({ length: 25 }, (_, index) => `s${String(index).padStart(2, '0')}.nacos`);
    test.catalog.set(...all.map((host) => aCatalogService(host)));
    const seen: string[] = [];
    let next: string | undefined;
    let pages = 0;
    do {
      const query = next === undefined ? '' : `&continue=${next}`;
      const { body } = await json(`${test.url}/api/v1/services?limit=10${query}`);
      const items = body['items'] as { host: string }[];
      seen.push(...items.map(({ host }) => host));
      next = body['continue'] as string | undefined;
      if (++pages === 1) test.catalog.delete('s09.nacos');
    } while (next !== undefined);
    assert.equal(pages, 3);
    assert.deepEqual(seen, all);
  });

  it('ends exactly: a last page that is full has no next', async () => {
    test.catalog.set(aCatalogService('a'), aCatalogService('b'));
    assert.equal((await json(`${test.url}/api/v1/services?limit=2`)).body['continue'], undefined);
    assert.equal(typeof (await json(`${test.url}/api/v1/services?limit=1`)).body['continue'], 'string');
  });

  for (const query of [
    'limit=0',
    'limit=5001',
    'limit=1e2',
    'limit=',
    'limit=-1',
    'limit=1&limit=2',
    'hots=a',
    'watch=yes',
    'continue=!',
    'continue=',
    'watch=true&limit=1',
    '__proto__=1',
    `host=${'a'.repeat(600)}`,
  ]) {
    it(`refuses the query ${query.slice(0, 40)}`, async () => {
      const { status, body } = await json(`${test.url}/api/v1/services?${query}`);
      assert.equal(status, 400);
      assert.equal(body['title'], 'Bad Request');
      assert.equal(typeof body['detail'], 'string');
    });
  }

  it('serves metrics, its own among them, with bounded labels', async () => {
    for (let index = 0; index < 20; index++) await http(`${test.url}/no/such/path-${index}`);
    await http(`${test.url}/api/v1/services/none`);
    const { status, body } = await http(`${test.url}/metrics`);
    assert.equal(status, 200);
    assert.match(body, /isthmus_api_requests_total\{method="other",route="none",status="404"\} 20/);
    assert.match(body, /isthmus_api_requests_total\{method="GET",route="\/api\/v1\/services\/:host",status="404"\} 1/);
    assert.doesNotMatch(body, /path-/);
  });

  it('says which address is taken when the port is in use', async () => {
    await assert.rejects(
      startApi({ listen: { host: '127.0.0.1', port: test.port } }),
      new RegExp(
        `^Error: cannot listen on 127\\.0\\.0\\.1:${test.port} \\(api\\.listen\\): the address is in use by another process$`,
      ),
    );
  });

  it('frees its port when it stops', async () => {
    await test.api.stop();
    await assert.rejects(http(`${test.url}/healthz`), /ECONNREFUSED/);
    const again = await startApi({ listen: { host: '127.0.0.1', port: test.port } });
    await again.api.stop();
  });

  it('warns when it is open to the network without a token', async () => {
    const open = await startApi({ listen: { host: '0.0.0.0', port: 0 } });
    await open.api.stop();
    assert.ok(open.logged.some((line) => line.includes('open to the network')));
    assert.ok(!test.logged.some((line) => line.includes('open to the network')));
  });
});
