import assert from 'node:assert/strict';
import { type KubeServer, startKube } from '../../servers/kube.js';
import { KubeApiProxy } from '../../support/kube-api-proxy.js';
import { KubeWriter } from '../../support/kube-writer.js';
import { poll } from '../../support/poll.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { catalogService, instances } from '../support/services.js';
import { type RunningKubernetesSink, runKubernetesSink } from './running-sink.js';

const entries = '/apis/networking.istio.io/v1/namespaces/legacy/serviceentries';
const status = (code: number, reason: string) =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: reason });

describe('the Kubernetes sink and an API that refuses or comes late', function () {
  this.timeout(240_000);
  let kube: KubeServer;
  let writer: KubeWriter;
  let proxy: KubeApiProxy;
  let catalog: MemoryCatalog;
  let running: RunningKubernetesSink | undefined;

  before(async () => {
    kube = await startKube();
    writer = new KubeWriter(kube);
    await writer.namespace('legacy');
    await writer.installIstio(['ServiceEntry', 'WorkloadEntry']);
  });
  after(async () => {
    await writer?.close();
    await kube?.stopAll();
  });
  beforeEach(async () => {
    catalog = new MemoryCatalog();
    proxy = await KubeApiProxy.start(kube);
  });
  afterEach(async () => {
    await running?.stop();
    await proxy.close();
    for (const { metadata } of await writer.list(entries)) await writer.delete(`${entries}/${metadata.name}`);
  });

  const run = (options: object = {}): RunningKubernetesSink => {
    running = runKubernetesSink(catalog, { server: proxy.url, requestTimeoutMs: 3000, watchMs: 5000, ...options });
    return running;
  };
  const names = async () => (await writer.list(entries)).map(({ metadata }) => metadata.name).sort();
  const put = (...hosts: string[]) => catalog.put(...hosts.map((host) => catalogService(host, instances(1))));

  it('stops writing for as long as a 429 asks, all writes, and then does them', async () => {
    let refused = 0;
    let firstMs = 0;
    const early: number[] = [];
    proxy.intercept = async (request, response) => {
      if (request.method !== 'PATCH') return 'pass';
      firstMs ||= performance.now();
      if (refused >= 4) {
        early.push(performance.now() - firstMs);
        return 'pass';
      }
      refused++;
      response.writeHead(429, { 'retry-after': '2' }).end(status(429, 'TooManyRequests'));
      return 'answered';
    };
    const hosts = Array.from({ length: 12 }, (_, index) => `s${index}.nacos`);
    put(...hosts);
    const { sink } = run({ parallel: 4 });
    await poll(async () => (await names()).length === 12, { what: 'all', timeoutMs: 30_000 });
    assert.equal(refused, 4);
    // Four were under way when the first was refused; nothing else was sent in the two seconds after it.
    assert.ok(Math.min(...early) >= 1990, `sent after ${Math.min(...early)} ms`);
    await poll(() => sink.status().failingCount === 0, { what: 'no failure' });
    assert.equal(sink.status().connection.state, 'connected');
  });

  it('does not overwrite what others make at the same moment', async () => {
    const theirs = {
      ...{ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'orders.nacos' } },
      spec: { hosts: ['orders.nacos'], location: 'MESH_EXTERNAL' },
    };
    proxy.intercept = async (request) => {
      if (request.method === 'PATCH' && request.url?.includes('orders.nacos') === true)
        await writer.put(entries, theirs);
      return 'pass';
    };
    put('orders.nacos', 'stock.nacos');
    const { sink } = run();
    await poll(() => sink.status().conflictCount === 1, { what: 'the conflict' });
    await poll(async () => (await names()).length === 2);
    const there = await writer.get(`${entries}/orders.nacos`);
    assert.deepEqual(there?.['spec'], theirs.spec);
    assert.equal(there?.metadata['labels'], undefined);
    assert.ok((sink.explain('orders.nacos')?.refused.length ?? 0) > 0);
  });

  it('plans anew when its object has changed between the look and the write', async () => {
    put('orders.nacos');
    run();
    await poll(async () => (await names()).length === 1);
    let once = true;
    proxy.intercept = async (request) => {
      if (request.method !== 'PATCH' || !once) return 'pass';
      once = false;
      const patch = { metadata: { annotations: { theirs: 'yes' } } };
      await writer.request('PATCH', `${entries}/orders.nacos`, patch, 'application/merge-patch+json');
      return 'pass';
    };
    catalog.put(catalogService('orders.nacos', instances(3)));
    const endpoints = async () =>
      ((await writer.get(`${entries}/orders.nacos`))?.['spec'] as { endpoints?: unknown[] } | undefined)?.endpoints;
    await poll(async () => (await endpoints())?.length === 3, { what: 'the change' });
    assert.equal(once, false);
    const { annotations } = ((await writer.get(`${entries}/orders.nacos`))?.metadata ?? {}) as {
      annotations?: Record<string, string>;
    };
    assert.equal(annotations?.['theirs'], 'yes');
  });

  it('deletes nothing that was made anew by others since it looked', async () => {
    put('orders.nacos');
    run();
    await poll(async () => (await names()).length === 1);
    const theirs = {
      ...{ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', metadata: { name: 'orders.nacos' } },
      spec: { hosts: ['orders.nacos'] },
    };
    let deleted = 0;
    proxy.intercept = async (request) => {
      if (request.method !== 'DELETE') return 'pass';
      if (deleted++ === 0) {
        await writer.delete(`${entries}/orders.nacos`);
        await writer.put(entries, theirs);
      }
      return 'pass';
    };
    catalog.remove('orders.nacos');
    await poll(() => deleted > 0 && running?.sink.status().pending === 0 && running.sink.status().owned === 0, {
      what: 'the sink to know',
    });
    assert.deepEqual((await writer.get(`${entries}/orders.nacos`))?.['spec'], theirs.spec);
  });

  it('goes on when lists fail or are cut, and takes neither for an empty one', async () => {
    put('a.nacos', 'b.nacos');
    run();
    await poll(async () => (await names()).length === 2);
    await running?.stop();
    let lists = 0;
    proxy.intercept = async (request, response) => {
      if (request.method !== 'GET' || request.url?.includes('watch=true') === true) return 'pass';
      if (request.url?.includes('serviceentries') !== true || ++lists > 3) return 'pass';
      if (lists === 1) response.writeHead(500).end(status(500, 'InternalError'));
      else if (lists === 2)
        response.writeHead(200, { 'content-length': '500' }).write('{"kind":"ServiceEntryList","items":[');
      if (lists === 2) response.destroy();
      if (lists === 3) response.writeHead(200).end('{"kind":"ServiceEntryList","items":[]}');
      return 'answered';
    };
    catalog.remove('a.nacos');
    const { sink } = run();
    await poll(async () => (await names()).join() === 'b.nacos', {
      what: 'the state of the catalog',
      timeoutMs: 30_000,
    });
    assert.ok(lists > 3);
    await poll(async () => (await running?.writes()) === 1, { what: 'the one write to be counted' });
    assert.equal(sink.status().connection.state, 'connected');
  });

  it('ends while the API does not answer, and does not wait for it', async function () {
    this.timeout(20_000);
    proxy.intercept = async (request) => (request.method === 'PATCH' ? new Promise(() => undefined) : 'pass');
    put('a.nacos');
    const { sink } = run({ requestTimeoutMs: 60_000 });
    await poll(() => sink.status().pending === 1);
    await running?.stop();
  });
});
