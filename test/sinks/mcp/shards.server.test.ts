import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mcpSchema } from '../../../sinks/mcp/config.js';
import { configSources } from '../../../sinks/mcp/mesh-config.js';
import { shardIndexOf } from '../../../sinks/mcp/shards.js';
import { type IstiodServer, startIstiod } from '../../servers/istiod.js';
import { pickPort } from '../../servers/ports.js';
import { AdsClient } from '../../support/ads-client.js';
import { ConnectProxy } from '../../support/connect-proxy.js';
import { poll } from '../../support/poll.js';
import { shardPorts } from '../../support/shard-ports.js';
import { CLUSTER_TYPE } from '../../support/sidecar-wire.js';
import { TestAuthority } from '../../support/test-authority.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { type RunningSink, runSink } from '../support/running-sink.js';
import { catalogService, instances } from '../support/services.js';

const hosts = Array.from({ length: 40 }, (_, index) => `s${index}.nacos`);
const clusterOf = (host: string) => `outbound|80||${host}`;

/** The config sources that operators are told to paste, without the cluster's own, which the test server adds. */
function sourcesOf(options: Parameters<typeof mcpSchema.parse>[0], host: string): string[] {
  const all = configSources(mcpSchema.parse(options), { host }).map(({ address }) => address);
  assert.equal(all.pop(), 'k8s://');
  return all;
}

async function seesAll(sidecar: AdsClient, endpoints: number): Promise<void> {
  for (const host of hosts) await sidecar.waitForEndpoints(clusterOf(host), (list) => list.length === endpoints);
}

for (const shardBy of ['authority', 'port'] as const) {
  describe(`the MCP sink in shards by ${shardBy}, and a real istiod`, function () {
    this.timeout(240_000);
    const catalog = new MemoryCatalog();
    let listen: string;
    let sink: RunningSink;
    let proxy: ConnectProxy | undefined;
    let istiod: IstiodServer;
    let sidecar: AdsClient;

    before(async () => {
      const port = await pickPort(shardBy === 'port' ? shardPorts(3, 2) : undefined);
      listen = `127.0.0.1:${port}`;
      catalog.put(...hosts.map((host) => catalogService(host, instances(2))));
      const options = { listen, shards: 3, shardBy };
      sink = await runSink(catalog, options);
      if (shardBy === 'authority') proxy = await ConnectProxy.start({ host: '127.0.0.1', port });
      const sources = sourcesOf(options, shardBy === 'authority' ? 'isthmus.test' : '127.0.0.1');
      assert.equal(sources.length, 3);
      istiod = await startIstiod({
        configSources: sources,
        ...(proxy === undefined ? {} : { env: { HTTPS_PROXY: proxy.url } }),
      });
      sidecar = new AdsClient(istiod.adsAddress);
    });

    after(async () => {
      sidecar?.close();
      await istiod?.stop();
      await sink?.stop();
      await proxy?.stop();
    });

    it('is read whole: all endpoints of all shards arrive at a sidecar', async () => {
      await seesAll(sidecar, 2);
      const parts = sink.sink.clients().map(({ part }) => part);
      assert.deepEqual(parts.sort(), ['shard 0 of 3', 'shard 1 of 3', 'shard 2 of 3']);
      if (proxy) assert.equal(proxy.dialled.size, 3);
      const shards = sink.sink.status().shards.filter(({ count }) => count === 3);
      assert.equal(
        shards.reduce((sum, { resources }) => sum + resources, 0),
        hosts.length,
      );
      assert.ok(shards.every(({ resources, clients }) => resources > 0 && clients === 1));
    });

    it('costs one shard a change, which comes as endpoints alone', async () => {
      const before = new Map(
        sink.sink.clients().map(({ part, subscriptions }) => [part, JSON.stringify(subscriptions)]),
      );
      const pushes = sidecar.pushes.get(CLUSTER_TYPE);
      catalog.put(catalogService('s7.nacos', instances(5)));
      await sidecar.waitForEndpoints(clusterOf('s7.nacos'), (list) => list.length === 5);
      assert.equal(sidecar.pushes.get(CLUSTER_TYPE), pushes);
      const versions = (text: string | undefined) => (text ?? '').replace(/"lagMs":[0-9]+,?/g, '');
      await poll(() =>
        sink.sink.clients().every(({ subscriptions }) => subscriptions.every(({ state }) => state === 'acked')),
      );
      const changed = sink.sink
        .clients()
        .filter(({ part, subscriptions }) => versions(before.get(part)) !== versions(JSON.stringify(subscriptions)));
      assert.equal(changed.length, 1);
      catalog.put(catalogService('s7.nacos', instances(2)));
      await seesAll(sidecar, 2);
    });

    it('serves an istiod with an older list a consistent whole beside one with the new list', async () => {
      await sink.stop();
      // Another number, and one istiod that still has the list of three.
      const options = { listen, shards: 2, shardBy, ...(shardBy === 'port' ? { alsoShards: [3] } : {}) };
      sink = await runSink(catalog, options);
      const sources = sourcesOf(options, shardBy === 'authority' ? 'isthmus.test' : '127.0.0.1');
      const newer = await startIstiod({
        configSources: sources,
        ...(proxy === undefined ? {} : { env: { HTTPS_PROXY: proxy.url } }),
      });
      const other = new AdsClient(newer.adsAddress);
      try {
        await poll(() => sink.sink.clients().filter(({ part = '' }) => part.endsWith('of 3')).length === 3, {
          timeoutMs: 120_000,
          what: 'the older istiod to come back',
        });
        catalog.put(...hosts.map((host) => catalogService(host, instances(3))));
        await seesAll(sidecar, 3);
        await seesAll(other, 3);
      } finally {
        other.close();
        await newer.stop();
      }
    });
  });
}

describe('the server of one shard going away, and a real istiod', function () {
  this.timeout(240_000);
  const catalog = new MemoryCatalog();
  const stops: (() => Promise<unknown> | undefined)[] = [];

  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  it('leaves the others as they are, and its own services with what they had', async () => {
    catalog.put(...hosts.map((host) => catalogService(host, instances(2))));
    // Two processes, each asked for one of two shards.
    const ports = [await pickPort(), await pickPort()] as const;
    const sinks: RunningSink[] = [];
    for (const port of ports) {
      const sink = await runSink(catalog, { listen: `127.0.0.1:${port}`, shards: 2 });
      sinks.push(sink);
      stops.push(() => sink.stop());
    }
    const route = await ConnectProxy.start({ host: '127.0.0.1', port: ports[0] });
    stops.push(() => route.stop());
    route.to('shard-1-of-2.isthmus.test', { host: '127.0.0.1', port: ports[1] });
    const istiod = await startIstiod({
      configSources: [`xds://shard-0-of-2.isthmus.test:${ports[0]}`, `xds://shard-1-of-2.isthmus.test:${ports[1]}`],
      env: { HTTPS_PROXY: route.url },
    });
    stops.push(() => istiod.stop());
    const sidecar = new AdsClient(istiod.adsAddress);
    stops.push(async () => sidecar.close());
    await seesAll(sidecar, 2);
    await sinks[1]?.stop();
    await poll(() => sinks[0]?.sink.clients().length === 1);
    catalog.put(...hosts.map((host) => catalogService(host, instances(4))));
    for (const host of hosts) {
      const count = shardIndexOf(host, 2) === 0 ? 4 : 2;
      await sidecar.waitForEndpoints(clusterOf(host), (list) => list.length === count);
    }
    for (const host of hosts) assert.ok(sidecar.clusters.has(clusterOf(host)));
  });
});

describe('the MCP sink in shards over TLS, and a real istiod', function () {
  this.timeout(240_000);
  const catalog = new MemoryCatalog();
  const dir = mkdtempSync(join(tmpdir(), 'isthmus-shards-tls-'));
  let sink: RunningSink;
  let istiod: IstiodServer;
  let sidecar: AdsClient;

  after(async () => {
    sidecar?.close();
    await istiod?.stop();
    await sink?.stop();
    rmSync(dir, { recursive: true });
  });

  it('is told apart by SNI alone, at one address that every name but that of the shard leads to', async () => {
    const authority = new TestAuthority();
    const { cert, key } = authority.issue({ dns: ['*.isthmus.test'] });
    const tls = { cert: join(dir, 'tls.crt'), key: join(dir, 'tls.key') };
    writeFileSync(tls.cert, cert);
    writeFileSync(tls.key, key);
    const listen = `127.0.0.1:${await pickPort()}`;
    catalog.put(...hosts.map((host) => catalogService(host, instances(2))));
    const options = { listen, shards: 3, tls };
    sink = await runSink(catalog, options);
    const sources = configSources(mcpSchema.parse(options), { host: 'isthmus.test', ca: authority.cert });
    istiod = await startIstiod({
      configSources: sources
        .filter(({ address }) => address !== 'k8s://')
        // Nobody knows the name here; the rest is as it was printed.
        .map(({ address, ...rest }) => ({ address: address.replace('isthmus.test', '127.0.0.1'), ...rest })),
    });
    sidecar = new AdsClient(istiod.adsAddress);
    await seesAll(sidecar, 2);
    const parts = sink.sink.clients().map(({ part }) => part);
    assert.deepEqual(parts.sort(), ['shard 0 of 3', 'shard 1 of 3', 'shard 2 of 3']);
  });
});
