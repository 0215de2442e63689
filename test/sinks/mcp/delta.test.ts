import assert from 'node:assert/strict';
import type { DeltaDiscoveryResponse } from '../../../proto/gen/discovery.js';
import { Resource } from '../../../proto/gen/mcp.js';
import { ServiceEntry } from '../../../proto/gen/service_entry.js';
import { resourceTypeUrl } from '../../../sinks/istio/resource.js';
import { shardIndexOf } from '../../../sinks/mcp/shards.js';
import { poll } from '../../support/poll.js';
import { AdsPeer, request } from '../support/ads-peer.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { type RunningSink, runSink } from '../support/running-sink.js';
import { catalogService, instances } from '../support/services.js';
import { XdsPeer } from '../support/xds-server.js';

const serviceEntryType = 'networking.istio.io/v1/ServiceEntry';

/** Host → number of endpoints, of what a response holds. */
function entriesOf({ resources }: DeltaDiscoveryResponse): Record<string, number> {
  return Object.fromEntries(
    resources.map(({ name, version, resource: any }) => {
      assert.equal(any?.typeUrl, resourceTypeUrl);
      const { metadata, body } = Resource.decode(any?.value ?? assert.fail('no value'));
      assert.deepEqual([metadata?.name, metadata?.version], [name, version]);
      const entry = ServiceEntry.decode(body?.value ?? assert.fail('no body'));
      return [entry.hosts[0] ?? '', entry.endpoints.length] as const;
    }),
  );
}

describe('the MCP sink, serving a client that reads what changes', () => {
  let catalog: MemoryCatalog;
  let running: RunningSink;
  const peers: XdsPeer[] = [];

  async function start(options: Parameters<typeof runSink>[1] = {}, ready = true): Promise<void> {
    catalog = new MemoryCatalog({ ready });
    catalog.put(catalogService('orders.nacos', instances(2)), catalogService('pay.nacos', instances(1)));
    running = await runSink(catalog, { emptyServices: { keepMs: 0 }, ...options });
  }

  function connect(authority?: string): XdsPeer {
    const peer = new XdsPeer(
      running.address,
      undefined,
      authority === undefined ? {} : { 'grpc.default_authority': authority },
    );
    peers.push(peer);
    return peer;
  }

  const ack = (peer: XdsPeer, { typeUrl, nonce }: DeltaDiscoveryResponse) =>
    peer.send(typeUrl, { responseNonce: nonce });

  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close();
    await running.stop();
  });

  it('answers other types at once with nothing, and ServiceEntries once the catalog is ready', async () => {
    await start({}, false);
    const peer = connect();
    peer.send(serviceEntryType);
    peer.send('networking.istio.io/v1/Gateway');
    const other = await peer.response(1);
    assert.deepEqual([other.typeUrl, other.resources], ['networking.istio.io/v1/Gateway', []]);
    catalog.becomeReady();
    const entries = await peer.response(2);
    assert.equal(entries.typeUrl, serviceEntryType);
    assert.deepEqual(entriesOf(entries), { 'orders.nacos': 2, 'pay.nacos': 1 });
  });

  it('sends what changed and what is gone, alone, in the version of the type that was asked', async () => {
    await start();
    const peer = connect();
    peer.send('networking.istio.io/v1beta1/ServiceEntry');
    ack(peer, await peer.response(1));
    catalog.put(catalogService('orders.nacos', instances(3)));
    const changed = await peer.response(2);
    assert.equal(changed.typeUrl, 'networking.istio.io/v1beta1/ServiceEntry');
    assert.deepEqual(entriesOf(changed), { 'orders.nacos': 3 });
    ack(peer, changed);
    catalog.remove('pay.nacos');
    const removed = await peer.response(3);
    assert.deepEqual([removed.resources, removed.removedResources], [[], ['legacy/pay.nacos']]);
  });

  it('sends a client that comes back only what it lacks', async () => {
    await start();
    const first = connect();
    first.send(serviceEntryType);
    const { resources } = await first.response(1);
    first.close();
    catalog.put(catalogService('orders.nacos', instances(3)));
    await poll(() => running.sink.explain('orders.nacos')?.resources[0]?.version !== resources[0]?.version);
    const again = connect();
    const initialResourceVersions = resources.map(({ name, version }) => ({ name, version }));
    again.send(serviceEntryType, {
      initialResourceVersions: [...initialResourceVersions, { name: 'legacy/old', version: 'x' }],
    });
    const response = await again.response(1);
    assert.deepEqual(entriesOf(response), { 'orders.nacos': 3 });
    assert.deepEqual(response.removedResources, ['legacy/old']);
  });

  it('serves shards to such clients, too, beside those that read everything', async () => {
    await start({ shards: 2 });
    const hosts = ['orders.nacos', 'pay.nacos', 'a.nacos', 'b.nacos'];
    catalog.put(...hosts.map((host) => catalogService(host, instances(1))));
    await poll(() => running.sink.status().resources === hosts.length);
    const shards = [0, 1].map((index) => connect(`shard-${index}-of-2.isthmus`));
    for (const [index, peer] of shards.entries()) {
      peer.send(serviceEntryType);
      const own = hosts.filter((host) => shardIndexOf(host, 2) === index);
      assert.deepEqual(Object.keys(entriesOf(await peer.response(1))).sort(), own.sort());
      ack(peer, peer.responses[0] ?? assert.fail());
    }
    const everything = new AdsPeer(running.address);
    try {
      everything.send(request(serviceEntryType));
      assert.equal((await everything.response(1)).resources.length, hosts.length);
    } finally {
      everything.close();
    }
    const changed = shardIndexOf('a.nacos', 2);
    catalog.put(catalogService('a.nacos', instances(5)));
    assert.deepEqual(entriesOf((await shards[changed]?.response(2)) ?? assert.fail()), { 'a.nacos': 5 });
    assert.equal(shards[1 - changed]?.responses.length, 1);
    const wrong = connect('shard-2-of-2.isthmus');
    assert.equal((await wrong.end()).code, 'INVALID_ARGUMENT');
  });

  it('shows what such a client has', async () => {
    await start();
    const peer = connect();
    peer.send(serviceEntryType, { node: { id: 'reader', cluster: '', locality: undefined, userAgentName: '' } });
    const first = await peer.response(1);
    const state = () => running.sink.explain('orders.nacos')?.clients[0]?.state;
    assert.equal(state(), 'sent');
    ack(peer, first);
    await poll(() => state() === 'acked');
    const [client] = running.sink.clients();
    assert.deepEqual([client?.node, client?.subscriptions[0]?.lagMs], ['reader', 0]);
    catalog.put(catalogService('orders.nacos', instances(3)));
    const second = await peer.response(2);
    catalog.put(catalogService('orders.nacos', instances(4)));
    await poll(() => state() === 'behind');
    peer.send(serviceEntryType, { responseNonce: second.nonce, errorDetail: { code: 3, message: 'no' } });
    await peer.response(3);
    assert.match(
      await running.metrics.metrics(),
      /isthmus_mcp_requests_total\{sink="mcp",type="ServiceEntry",kind="nack"\} 1/,
    );
  });
});
