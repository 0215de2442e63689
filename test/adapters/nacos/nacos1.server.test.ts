import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { describeSource, type Recorder, type SampleInstance, SourceRun } from '../../../testkit/index.js';
import { LegacyNacosClient } from '../../e2e/support/legacy-nacos-client.js';
import type { NacosServer } from '../../servers/nacos.js';
import { startNacos1 } from '../../servers/nacos1.js';
import { http } from '../../support/http.js';
import { Nacos1Writer } from '../../support/nacos1-writer.js';
import { poll } from '../../support/poll.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource } from './make-source.js';

const auth = { user: 'nacos', password: 'nacos' };
const reader = { username: 'reader', password: 'may-read-only' };
const key = (service: string, group = 'DEFAULT_GROUP', namespace = 'public') => `${namespace}@@${group}@@${service}`;
const deadlineMs = 60_000;

describe('adapters/nacos on a real Nacos 1.4.1', function () {
  this.timeout(240_000);
  let server: NacosServer;
  let proxy: TcpProxy;
  let writer: Nacos1Writer;
  let metrics: Registry;
  const runs: SourceRun[] = [];
  /** It asks for a login from its restart on. Before that its users are there, and health can be set. */
  const serverConfig = { 'nacos.core.auth.enabled': false };

  before(async () => {
    server = await startNacos1({ config: serverConfig });
    proxy = await TcpProxy.start({ host: '127.0.0.1', port: server.port });
    const body = new URLSearchParams({ username: auth.user, password: auth.password }).toString();
    const logIn = () => http(`${server.url}/v1/auth/login`, { method: 'POST', headers: form, body });
    // The server reads its users every 15 s, and answers a login before that in a way that is no HTTP.
    const login = await poll(logIn, { intervalMs: 500, what: 'the administrator to be known' });
    writer = new Nacos1Writer(server.url, (JSON.parse(login.body) as { accessToken: string }).accessToken);
    await admin('/v1/auth/users', reader);
    await admin('/v1/auth/roles', { role: 'readers', username: reader.username });
    for (const resource of [':*:*', 'shop:*:*']) {
      await admin('/v1/auth/permissions', { role: 'readers', resource, action: 'r' });
    }
    for (const [customNamespaceId, namespaceName] of Object.entries({ shop: 'Shop', 'shop-test': 'Test' })) {
      await admin('/v1/console/namespaces', { customNamespaceId, namespaceName, namespaceDesc: 'of a test' });
    }
  });

  afterEach(async () => {
    for (const run of runs.splice(0)) await run.stop();
  });

  after(async () => {
    writer?.close();
    await proxy?.close();
    await server?.stop();
  });

  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const admin = (path: string, fields: Record<string, string>) =>
    writer.call(`${path}?${new URLSearchParams(fields)}`, { method: 'POST' });

  const config = { username: auth.user, password: auth.password, pollIntervalMs: 100, keepAliveMs: 200 };
  const run = (own: Readonly<Record<string, unknown>> = {}): Recorder => {
    metrics = new Registry();
    const base = { servers: [`http://${server.address}`], namespaces: ['public'], ...config };
    const started = new SourceRun(makeSource({ ...base, ...own }, { metrics }));
    runs.push(started);
    return started.recorder;
  };
  const synced = async (recorder: Recorder) => {
    const isDone = () => recorder.synced && recorder.degradedScopes.size === 0;
    await recorder.waitFor(isDone, { what: 'all to be read', deadlineMs });
    return recorder;
  };
  const instances = (recorder: Recorder, name: string) =>
    recorder.services
      .get(name)
      ?.instances.map(({ address, health, weight }) => `${address} ${health} ${weight}`)
      .join();
  const until = (recorder: Recorder, name: string, wanted: string | undefined) =>
    recorder
      .waitFor(() => instances(recorder, name) === wanted, { what: `${name} to be ${wanted}`, deadlineMs })
      .catch((error: Error) => {
        throw new Error(`${error.message}; it is ${instances(recorder, name)}`, { cause: error });
      });

  it('finds out by itself that there is no gRPC, and follows what changes', async () => {
    const one = { ip: '10.0.0.1', port: 80, weight: 2, clusterName: 'c1', metadata: { zone: 'z1' } };
    const two = { ip: '10.0.0.2', port: 80, enabled: false };
    await writer.put({ service: 'orders' }, one);
    await writer.put({ service: 'orders' }, two);
    await writer.put({ service: 'stock', group: 'G1' }, { ip: '10.0.0.3', port: 81 });
    const recorder = await synced(run());
    assert.match(await metrics.metrics(), /isthmus_nacos_connections\{source="nacos-test",protocol="http"\} 1/);
    assert.equal(instances(recorder, key('orders')), '10.0.0.1 healthy 200');
    const [shown] = recorder.services.get(key('orders'))?.instances ?? [];
    assert.equal(shown?.id, '10.0.0.1:80@c1');
    assert.equal(shown?.locality?.zone, 'z1');
    assert.equal(shown?.metadata['nacos.ephemeral'], 'true');
    assert.equal(instances(recorder, key('stock', 'G1')), '10.0.0.3 healthy 100');

    await writer.put({ service: 'orders' }, { ...two, enabled: true, weight: 0.5 });
    await until(recorder, key('orders'), '10.0.0.1 healthy 200,10.0.0.2 healthy 50');
    await writer.put({ service: 'later', group: 'G2' }, { ip: '10.0.0.4', port: 80 });
    await until(recorder, key('later', 'G2'), '10.0.0.4 healthy 100');
    await writer.remove({ service: 'later', group: 'G2' }, { ip: '10.0.0.4', port: 80 });
    await until(recorder, key('later', 'G2'), '');
    await writer.remove({ service: 'orders' }, one);
    await writer.remove({ service: 'orders' }, two);
    await until(recorder, key('orders'), '');
  });

  it('sees the true health, which the server hides once no instance is healthy', async () => {
    await writer.put({ service: 'sick' }, { ip: '10.1.0.1', port: 80 });
    await writer.put({ service: 'sick' }, { ip: '10.1.0.2', port: 80, healthy: false });
    const recorder = await synced(run({ mode: 'http' }));
    await until(recorder, key('sick'), '10.1.0.1 healthy 100,10.1.0.2 unhealthy 100');
    await writer.put({ service: 'sick' }, { ip: '10.1.0.1', port: 80, healthy: false });
    await until(recorder, key('sick'), '10.1.0.1 unhealthy 100,10.1.0.2 unhealthy 100');
    assert.match(recorder.notices.get('protection') ?? '', /public@@DEFAULT_GROUP@@sick/);
    await writer.put({ service: 'sick' }, { ip: '10.1.0.2', port: 80 });
    await until(recorder, key('sick'), '10.1.0.1 unhealthy 100,10.1.0.2 healthy 100');
    await recorder.waitFor(() => !recorder.notices.has('protection'), { what: 'the notice to go', deadlineMs });
    await writer.remove({ service: 'sick' }, { ip: '10.1.0.1', port: 80 });
    await writer.remove({ service: 'sick' }, { ip: '10.1.0.2', port: 80 });
  });

  it('reads namespaces and groups by patterns, and persistent instances', async () => {
    const persistent = { ip: '127.0.0.1', port: server.port, ephemeral: false };
    await writer.put({ service: 'cart', group: 'G1', namespace: 'shop' }, persistent);
    await writer.put({ service: 'cart', group: 'other', namespace: 'shop' }, { ip: '10.2.0.1', port: 80 });
    await writer.put({ service: 'cart', group: 'G1', namespace: 'shop-test' }, { ip: '10.2.0.2', port: 80 });
    await writer.put({ service: 'cart', group: 'G1' }, { ip: '10.2.0.3', port: 80 });
    const namespaces = { include: ['sho*'], exclude: ['*-test'] };
    const recorder = await synced(run({ mode: 'http', namespaces, groups: ['G*'] }));
    assert.deepEqual([...recorder.services.keys()], [key('cart', 'G1', 'shop')]);
    await until(recorder, key('cart', 'G1', 'shop'), '127.0.0.1 healthy 100');
    const [shown] = recorder.services.get(key('cart', 'G1', 'shop'))?.instances ?? [];
    assert.equal(shown?.metadata['nacos.ephemeral'], 'false');
    const named = await synced(run({ mode: 'http', namespaces: ['shop'], groups: ['G1'] }));
    assert.deepEqual([...named.services.keys()], [key('cart', 'G1', 'shop')]);
    await writer.remove({ service: 'cart', group: 'G1' }, { ip: '10.2.0.3', port: 80 });
  });

  it('sees what a real client registers, as the server judges its heartbeats', async () => {
    const client = await LegacyNacosClient.connect(server.address, { username: auth.user, password: auth.password });
    const recorder = await synced(run({ mode: 'http' }));
    try {
      // Without a beat for so long it is unhealthy, and later gone.
      const metadata = { 'preserved.heart.beat.timeout': '1000', 'preserved.ip.delete.timeout': '9000' };
      await client.register('beating', '10.3.0.1', { metadata });
      await client.register('beating', '10.3.0.2');
      await until(recorder, key('beating'), '10.3.0.1 healthy 100,10.3.0.2 healthy 100');
      await client.deregister('beating', '10.3.0.2');
      await until(recorder, key('beating'), '10.3.0.1 healthy 100');
    } finally {
      await client.close();
    }
    await until(recorder, key('beating'), '10.3.0.1 unhealthy 100');
    await until(recorder, key('beating'), '');
  });

  describe('over a proxy', () => {
    const services = new Map<string, Map<string, SampleInstance>>();
    const record = ({ address, port, weight, metadata, healthy }: SampleInstance) => ({
      ip: address,
      port,
      weight: weight / 100,
      metadata,
      healthy,
    });
    describeSource('nacos 1.4.1', {
      createSource: () =>
        makeSource({ ...config, mode: 'http', servers: [`http://${proxy.address}`], namespaces: ['public'] }),
      serviceName: (service) => key(service),
      registry: {
        put: async (service, instance) => {
          const known = services.get(service) ?? new Map<string, SampleInstance>();
          const before = known.get(instance.id);
          services.set(service, known.set(instance.id, instance));
          const moved = before && (before.address !== instance.address || before.port !== instance.port);
          await writer.put({ service }, record(instance));
          if (moved) await writer.remove({ service }, record(before));
        },
        remove: async (service, id) => {
          const instance = services.get(service)?.get(id);
          if (instance) await writer.remove({ service }, record(instance));
          services.get(service)?.delete(id);
        },
        stop: async () => proxy.refuse(),
        start: async () => proxy.pass(),
        stopMidListing: async () => proxy.cutAfter(4000, 'refuse'),
      },
      deadlineMs: 30_000,
    });
  });

  describe('over a restart', () => {
    it('keeps what it published while the server is killed and comes back with an empty memory, asking for a login', async () => {
      await writer.put({ service: 'kept' }, { ip: '10.5.0.1', port: 80 });
      const recorder = await synced(run({ mode: 'http', settleMs: 20_000 }));
      await until(recorder, key('kept'), '10.5.0.1 healthy 100');
      const from = recorder.events.length;
      await server.kill();
      serverConfig['nacos.core.auth.enabled'] = true;
      await recorder.waitFor(() => recorder.degradedScopes.has('public'), {
        what: 'the outage to be told',
        deadlineMs,
      });
      await server.start();
      await synced(recorder);
      await writer.put({ service: 'since' }, { ip: '10.5.0.2', port: 80 });
      await until(recorder, key('since'), '10.5.0.2 healthy 100');
      await until(recorder, key('kept'), '10.5.0.1 healthy 100');
      const lost = recorder.events
        .slice(from)
        .filter(
          (event) =>
            (event.kind === 'remove' && event.name === key('kept')) ||
            (event.kind === 'upsert' && event.service.name === key('kept') && event.service.instances.length === 0),
        );
      assert.deepEqual(lost, []);
    });

    it('lets a user read who may do no more, and tells of one whose password is wrong', async () => {
      await writer.put({ service: 'shown', namespace: 'shop' }, { ip: '10.4.0.1', port: 80 });
      const wrong = run({ mode: 'http', password: 'wrong' });
      await wrong.waitFor(() => wrong.degradedScopes.size > 0, { what: 'the source to be degraded', deadlineMs });
      assert.match([...wrong.degradedScopes.values()].join(), /cannot log in as "nacos"/);
      const recorder = await synced(run({ mode: 'http', namespaces: ['public', 'shop'], ...reader }));
      await until(recorder, key('shown', 'DEFAULT_GROUP', 'shop'), '10.4.0.1 healthy 100');
    });
  });
});
