import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import type { NacosServer } from '../../servers/nacos.js';
import { sharedNacos2 } from '../../servers/shared-nacos.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { poll } from '../../support/poll.js';
import { makeSource } from './make-source.js';
import { OlderNacos, silentGrpcOffset } from './older-nacos.js';

const key = (service: string, group = 'DEFAULT_GROUP') => `public@@${group}@@${service}`;
const instances = '/nacos/v1/ns/instance/list';
const metricsPath = '/nacos/v1/ns/operator/metrics';

describe('adapters/nacos with a server that has the HTTP API of 1.x alone', function () {
  this.timeout(120_000);
  let server: NacosServer;
  let writer: NacosWriter;
  let older: OlderNacos;
  let metrics: Registry;
  const runs: SourceRun[] = [];

  before(async () => {
    server = await sharedNacos2();
    writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
  });

  beforeEach(async () => {
    older = await OlderNacos.start(server.address);
    metrics = new Registry();
  });

  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop();
    await older.stop();
  });

  after(() => writer?.close());

  const run = async (config: Readonly<Record<string, unknown>> = {}): Promise<Recorder> => {
    const grpcPortOffset = await silentGrpcOffset(older.port);
    const own = { servers: [older.url], namespaces: ['public'], grpcPortOffset, pollIntervalMs: 200 };
    const started = new SourceRun(makeSource({ ...own, ...config }, { metrics }));
    runs.push(started);
    return started.recorder;
  };
  const synced = async (recorder: Recorder) => {
    const isDone = () => recorder.synced && recorder.degradedScopes.size === 0;
    await recorder.waitFor(isDone, { what: 'all to be read', deadlineMs: 30_000 });
    return recorder;
  };
  const addresses = (recorder: Recorder, name: string) =>
    recorder.services.get(name)?.instances.map(({ address }) => address);
  const until = (recorder: Recorder, name: string, wanted: string | undefined) =>
    recorder.waitFor(() => addresses(recorder, name)?.join() === wanted, { what: name, deadlineMs: 30_000 });

  it('finds out by itself, reads all groups, and follows what changes', async () => {
    await writer.setVisibly({ service: 'orders' }, [{ ip: '10.0.0.1', port: 80, clusterName: 'c1', weight: 2 }]);
    await writer.setVisibly({ service: 'stock', group: 'G1' }, [{ ip: '10.0.0.2', port: 81 }]);
    const recorder = await synced(await run());
    assert.deepEqual(addresses(recorder, key('orders')), ['10.0.0.1']);
    assert.equal(recorder.services.get(key('orders'))?.instances[0]?.weight, 200);
    assert.deepEqual(addresses(recorder, key('stock', 'G1')), ['10.0.0.2']);
    assert.match(await metrics.metrics(), /isthmus_nacos_connections\{source="nacos-test",protocol="http"\} 1/);

    await writer.set({ service: 'orders' }, [
      { ip: '10.0.0.1', port: 80, clusterName: 'c1', weight: 2 },
      { ip: '10.0.0.3', port: 80 },
    ]);
    await until(recorder, key('orders'), '10.0.0.1,10.0.0.3');
    await writer.set({ service: 'later', group: 'G2' }, [{ ip: '10.0.0.4', port: 80 }]);
    await until(recorder, key('later', 'G2'), '10.0.0.4');
    await writer.set({ service: 'later', group: 'G2' }, []);
    await until(recorder, key('later', 'G2'), '');
    await until(recorder, key('later', 'G2'), undefined);
    assert.deepEqual(
      older.requests.filter(({ path }) => !path.startsWith('/nacos/v1/') && path !== '/nacos/v2/ns/operator/metrics'),
      [],
    );
  });

  it('lists a named group by its own API', async () => {
    await writer.setVisibly({ service: 'stock', group: 'G1' }, [{ ip: '10.0.0.2', port: 81 }]);
    const recorder = await synced(await run({ groups: ['G1'], mode: 'http' }));
    assert.deepEqual([...recorder.services.keys()], [key('stock', 'G1')]);
    assert.ok(older.count('/nacos/v1/ns/service/list') > 0);
    assert.equal(older.count('/nacos/v1/ns/catalog/services'), 0);
  });

  it('does not take a newer server that hides its gRPC port for an older one', async () => {
    older.hasNewer = true;
    const recorder = await run();
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'), { deadlineMs: 30_000 });
    assert.match(recorder.degradedScopes.get('public')?.message ?? '', /gRPC of .*ECONNREFUSED/);
    assert.equal(older.count(instances), 0);
  });

  it('believes an empty answer no sooner than the second, and a failed one never', async () => {
    await writer.setVisibly({ service: 'orders' }, [{ ip: '10.0.0.1', port: 80 }]);
    const recorder = await synced(await run());
    const empty = { name: 'DEFAULT_GROUP@@orders', groupName: 'DEFAULT_GROUP', hosts: [] };
    let empties = 0;
    const isOrders = (url: URL) => url.searchParams.get('serviceName') === 'DEFAULT_GROUP@@orders';
    older.script = (url) =>
      isOrders(url) && empties++ === 0 ? { status: 200, body: JSON.stringify(empty) } : undefined;
    await poll(() => empties > 3, { what: 'more answers' });
    assert.ok(!recorder.events.some((event) => event.kind === 'upsert' && event.service.instances.length === 0));
    for (const body of ['{"hosts": null}', 'not JSON', '[]', '{}']) {
      let asked = 0;
      older.script = (url) => (isOrders(url) && ++asked ? { status: 200, body } : undefined);
      await poll(() => asked > 4, { what: 'more answers' });
      assert.deepEqual(addresses(recorder, key('orders')), ['10.0.0.1'], body);
    }
    older.script = (url) => (isOrders(url) ? { status: 500, body: 'broken' } : undefined);
    await recorder.waitFor(({ degradedScopes }) => /orders.*500/.test(degradedScopes.get('public')?.message ?? ''), {
      what: 'the failure to be told',
      deadlineMs: 30_000,
    });
    assert.deepEqual(addresses(recorder, key('orders')), ['10.0.0.1']);
    older.script = () => undefined;
    await synced(recorder);
    assert.ok(recorder.events.every(({ kind }) => kind !== 'remove'));
  });

  it('leaves a server that says it is down for one that is up, and keeps what it published', async () => {
    await writer.setVisibly({ service: 'orders' }, [{ ip: '10.0.0.1', port: 80 }]);
    const down = await OlderNacos.start(server.address);
    try {
      const servers = [down.url, older.url];
      const recorder = await synced(await run({ servers, mode: 'http', keepAliveMs: 100 }));
      const empty = { name: 'x', groupName: 'DEFAULT_GROUP', hosts: [] };
      let isDown = true;
      for (const one of [down, older]) {
        one.script = ({ pathname }) => {
          if (!isDown) return undefined;
          if (pathname === metricsPath) return { status: 200, body: '{"status":"DOWN"}' };
          return { status: 200, body: JSON.stringify(empty) };
        };
      }
      await recorder.waitFor(
        ({ degradedScopes }) => /says that it is DOWN/.test(degradedScopes.get('public')?.message ?? ''),
        {
          what: 'the source to be degraded',
          deadlineMs: 30_000,
        },
      );
      assert.deepEqual(addresses(recorder, key('orders')), ['10.0.0.1']);
      older.script = () => undefined;
      await synced(recorder);
      assert.deepEqual(addresses(recorder, key('orders')), ['10.0.0.1']);
      isDown = false;
    } finally {
      await down.stop();
    }
  });

  it('asks no more often than it may, however many services there are', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `many-${index}`);
    await Promise.all(names.map((service) => writer.set({ service, group: 'many' }, [{ ip: '10.6.0.1', port: 80 }])));
    const recorder = await synced(
      await run({ groups: ['many'], maxRequestsPerSecond: 100, maxConcurrentRequests: 10, pollIntervalMs: 100 }),
    );
    assert.equal(recorder.services.size, 200);
    const from = older.count(instances);
    await poll(() => older.count(instances) >= from + 300, { timeoutMs: 30_000, what: '300 more requests' });
    const times = older.requests.filter(({ path }) => path === instances).map(({ atMs }) => atMs);
    const spanMs = (times[from + 299] ?? 0) - (times[from] ?? 0);
    // 300 at 100 a second take 3 s, less a burst of as many as may be under way.
    assert.ok(spanMs >= 2500, `300 requests in ${spanMs} ms`);
    await Promise.all(names.map((service) => writer.set({ service, group: 'many' }, [])));
  });
});
