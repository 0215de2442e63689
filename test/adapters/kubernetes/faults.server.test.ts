import assert from 'node:assert/strict';
import { deferred } from '../../../core/time/index.js';
import { SourceRun } from '../../../testkit/index.js';
import { type KubeServer, startKube } from '../../servers/kube.js';
import { http } from '../../support/http.js';
import { KubeApiProxy } from '../../support/kube-api-proxy.js';
import { KubeWriter } from '../../support/kube-writer.js';
import { poll } from '../../support/poll.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource } from './make-source.js';
import { Registrations } from './registrations.js';

describe('adapters/kubernetes and a server at fault', function () {
  this.timeout(240_000);
  let kube: KubeServer;
  let writer: KubeWriter;
  let tcp: TcpProxy;
  let api: KubeApiProxy;
  let shop: Registrations;
  let run: SourceRun | undefined;

  before(async () => {
    kube = await startKube();
    writer = new KubeWriter(kube);
    tcp = await TcpProxy.start({ port: kube.port });
    api = await KubeApiProxy.start(kube);
    await writer.namespace('shop');
    shop = new Registrations(writer, 'shop');
    await shop.instance('orders', 'a', '10.1.0.1', 8080);
    await shop.instance('orders', 'b', '10.1.0.2', 8080);
  });
  after(async () => {
    await writer?.close();
    await api?.close();
    await tcp?.close();
    await kube?.stopAll();
  });
  beforeEach(async () => {
    tcp.pass();
    api.intercept = async () => 'pass';
    for (const id of ['c', 'd']) await shop.removeInstance('orders', id);
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  const overTcp = (config: object = {}) => {
    const server = `https://${tcp.address}`;
    return start({ server, token: kube.adminToken, tls: { ca: kube.caFile }, requestTimeoutMs: 1000, ...config });
  };
  const start = (config: object) => {
    run = new SourceRun(makeSource({ namespaces: ['shop'], watchMs: 60_000, ...config }));
    return run.recorder;
  };
  const ids = (recorder: SourceRun['recorder']) => recorder.services.get('shop/orders')?.instances.map(({ id }) => id);
  const has = (recorder: SourceRun['recorder'], ...hosts: number[]) =>
    ids(recorder)?.join() === hosts.map((host) => `10.1.0.${host}:8080`).join();
  /** Its watches are open, for they tell of changes. */
  const untilWatching = async (recorder: SourceRun['recorder']) => {
    await recorder.waitFor(() => has(recorder, 1, 2));
    await shop.service('stock');
    await recorder.waitFor(() => recorder.services.has('shop/stock'));
    await shop.removeService('stock');
    await shop.instance('orders', 'd', '10.1.0.4', 8080);
    await recorder.waitFor(() => has(recorder, 1, 2, 4) && !recorder.services.has('shop/stock'));
    await shop.removeInstance('orders', 'd');
    await recorder.waitFor(() => has(recorder, 1, 2));
  };
  const losses = (recorder: SourceRun['recorder']) =>
    recorder.events.filter(
      (event) =>
        (event.kind === 'remove' && event.name === 'shop/orders') ||
        (event.kind === 'upsert' && event.service.name === 'shop/orders' && event.service.instances.length < 2) ||
        (event.kind === 'replaceAll' && (event.services.get('shop/orders')?.instances.length ?? 0) < 2),
    );

  it('sees that watches are dead though their connections are open, and what they missed', async () => {
    const recorder = overTcp();
    await untilWatching(recorder);
    tcp.blackHole();
    await shop.instance('orders', 'c', '10.1.0.3', 8080);
    await recorder.waitFor(() => recorder.degradedScopes.size === 1, {
      deadlineMs: 30_000,
      what: 'the silence to be seen',
    });
    tcp.pass();
    tcp.drop();
    await recorder.waitFor(() => has(recorder, 1, 2, 3) && recorder.degradedScopes.size === 0, { deadlineMs: 30_000 });
    assert.deepEqual(losses(recorder), []);
  });

  it('keeps everything while the server hangs, and goes on when it does', async () => {
    const recorder = overTcp();
    await untilWatching(recorder);
    await kube.pause();
    await recorder.waitFor(() => recorder.degradedScopes.size === 1, {
      deadlineMs: 30_000,
      what: 'the pause to be seen',
    });
    kube.resume();
    await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs: 30_000 });
    await shop.instance('orders', 'c', '10.1.0.3', 8080);
    await recorder.waitFor(() => has(recorder, 1, 2, 3));
    assert.deepEqual(losses(recorder), []);
  });

  it('lists anew, without being degraded, when the server has forgotten the version it watched from (410)', async () => {
    const proceed = deferred();
    let watches = 0;
    // The first watch of slices is ended at once; the next comes when its version is long gone. All else goes on.
    api.intercept = async (request, response) => {
      const url = request.url ?? '';
      if (url.startsWith('/version')) {
        response.writeHead(200).end('{}');
        return 'answered';
      }
      if (!url.includes('watch=true')) return 'pass';
      if (url.includes('endpointslices') && ++watches > 1) {
        await proceed.promise;
        return 'pass';
      }
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      if (url.includes('endpointslices')) response.end();
      return 'answered';
    };
    const recorder = start({ server: api.url, requestTimeoutMs: 120_000 });
    await recorder.waitFor(() => has(recorder, 1, 2));
    await poll(() => watches === 2, { what: 'the second watch' });
    await shop.instance('orders', 'c', '10.1.0.3', 8080);
    await shop.removeInstance('orders', 'b');
    const range = await http(`${kube.etcdUrl}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key: 'AA==' }) });
    const { revision } = (JSON.parse(range.body) as { header: { revision: string } }).header;
    const compact = { method: 'POST', body: JSON.stringify({ revision }) } as const;
    const compacted = await http(`${kube.etcdUrl}/v3/kv/compaction`, compact);
    assert.equal(compacted.status, 200, compacted.body);
    // What it keeps in memory of the past is gone too.
    await kube.restart();
    proceed.resolve();
    await recorder.waitFor(() => has(recorder, 1, 3), {
      deadlineMs: 60_000,
      what: 'the state after the version was lost',
    });
    assert.deepEqual(
      recorder.events.map(({ kind }) => kind),
      ['replaceAll', 'replaceAll'],
    );
    await shop.instance('orders', 'b', '10.1.0.2', 8080);
    await recorder.waitFor(() => has(recorder, 1, 2, 3));
  });

  it('finds by its audit what no watch has told of, publishes it and counts it', async () => {
    // Watches that are open and never say anything.
    api.intercept = async (request, response) => {
      if (request.url?.includes('watch=true') !== true) return 'pass';
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      return 'answered';
    };
    const source = makeSource({ server: api.url, namespaces: ['shop'], watchMs: 60_000 });
    run = new SourceRun(source);
    const { recorder } = run;
    await recorder.waitFor(() => has(recorder, 1, 2));
    const { signal } = new AbortController();
    assert.equal((await source.audit(signal)).differences, 0);
    await shop.instance('orders', 'c', '10.1.0.3', 8080);
    await shop.service('stock');
    const report = await source.audit(signal);
    assert.equal(report.differences, 2);
    assert.deepEqual(report.found.map(({ service }) => service).sort(), ['shop/orders', 'shop/stock']);
    assert.ok(has(recorder, 1, 2, 3) && recorder.services.has('shop/stock'));
    await shop.removeService('stock');
    assert.match((await source.audit(signal)).found[0]?.detail ?? '', /the Service had gone unseen/);
    assert.equal(recorder.services.has('shop/stock'), false);
    assert.deepEqual(losses(recorder), []);
  });

  for (const [what, status] of [
    ['overloaded', 429],
    ['at fault', 500],
    ['of another mind about rights', 403],
  ] as const) {
    it(`keeps everything while the server is ${what} (${status})`, async () => {
      const recorder = start({ server: api.url });
      await recorder.waitFor(() => has(recorder, 1, 2));
      let refused = 0;
      api.intercept = async (_, response) => {
        refused++;
        response.writeHead(status).end(JSON.stringify({ kind: 'Status', code: status, message: 'not now' }));
        return 'answered';
      };
      api.drop();
      await recorder.waitFor(() => recorder.degradedScopes.size === 1 && refused > 2, { deadlineMs: 30_000 });
      api.intercept = async () => 'pass';
      await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs: 30_000 });
      assert.deepEqual(losses(recorder), []);
    });
  }
});
