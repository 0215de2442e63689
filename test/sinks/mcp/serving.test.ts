import assert from 'node:assert/strict';
import { Resource } from '../../../proto/gen/mcp.js';
import { ServiceEntry } from '../../../proto/gen/service_entry.js';
import { poll } from '../../support/poll.js';
import { AdsPeer, ack, nack, request } from '../support/ads-peer.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { type RunningSink, runSink } from '../support/running-sink.js';
import { catalogService, instances } from '../support/services.js';

const serviceEntryType = 'networking.istio.io/v1/ServiceEntry';
/** Of three versions of istiod, and one that is still to come. */
const serviceEntryTypes = ['v1', 'v1beta1', 'v1alpha3', 'v2'].map(
  (version) => `networking.istio.io/${version}/ServiceEntry`,
);
/** What istiod 1.31 asks for, besides ServiceEntries. */
const otherTypes = [
  'core/v1alpha1/MeshConfig',
  'networking.istio.io/v1/DestinationRule',
  'networking.istio.io/v1/Gateway',
  'networking.istio.io/v1/Sidecar',
  'networking.istio.io/v1/VirtualService',
  'networking.istio.io/v1/WorkloadEntry',
  'networking.istio.io/v1/WorkloadGroup',
  'networking.istio.io/v1alpha3/EnvoyFilter',
  'networking.istio.io/v1beta1/ProxyConfig',
  'security.istio.io/v1/AuthorizationPolicy',
  'security.istio.io/v1/PeerAuthentication',
  'security.istio.io/v1/RequestAuthentication',
  'telemetry.istio.io/v1/Telemetry',
  'extensions.istio.io/v1alpha1/WasmPlugin',
  'extensions.istio.io/v1alpha1/TrafficExtension',
];
const junkNonce = '2026-11-23 04:46:21.123 +0000 UTC m=+0.42';

function hostsOf(response: { resources: readonly { value: Buffer }[] }): [string, number][] {
  return response.resources.map(({ value }) => {
    const { body } = Resource.decode(value);
    const entry = ServiceEntry.decode(body?.value ?? assert.fail('no body'));
    return [entry.hosts[0] ?? '', entry.endpoints.length];
  });
}

describe('the MCP sink, serving a gRPC client', () => {
  let catalog: MemoryCatalog;
  let running: RunningSink | undefined;
  const peers: AdsPeer[] = [];

  async function start(options: Parameters<typeof runSink>[1] = {}, ready = true): Promise<RunningSink> {
    catalog = new MemoryCatalog({ ready });
    catalog.put(catalogService('orders.nacos', instances(2)));
    running = await runSink(catalog, options);
    return running;
  }

  function connect(sink: RunningSink): AdsPeer {
    const peer = new AdsPeer(sink.address);
    peers.push(peer);
    return peer;
  }

  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close();
    await running?.stop();
    running = undefined;
  });

  it('answers each other type at once with nothing, and ServiceEntries only once the catalog is ready', async () => {
    const sink = await start({}, false);
    assert.equal(sink.sink.status().ready, false);
    const peer = connect(sink);
    const types = [serviceEntryType, ...otherTypes];
    for (const typeUrl of types) peer.send(request(typeUrl, { responseNonce: junkNonce }));
    await peer.response(otherTypes.length);
    assert.deepEqual(peer.responses.map(({ typeUrl }) => typeUrl).sort(), [...otherTypes].sort());
    for (const response of peer.responses) {
      assert.deepEqual(response.resources, []);
      assert.notEqual(response.versionInfo, '');
      peer.send(ack(response));
    }
    // The answer to a request that came later shows that nothing else is on the way.
    peer.send(request('networking.istio.io/v9/Later'));
    assert.equal((await peer.response(16)).typeUrl, 'networking.istio.io/v9/Later');
    catalog.becomeReady();
    const entries = await peer.response(17);
    assert.equal(entries.typeUrl, serviceEntryType);
    assert.deepEqual(hostsOf(entries), [['orders.nacos', 2]]);
    assert.equal(sink.sink.status().ready, true);
  });

  it('is told that there is nothing, once that is certain', async () => {
    const sink = await start({}, false);
    catalog.remove('orders.nacos');
    const peer = connect(sink);
    peer.send(request(serviceEntryType));
    catalog.becomeReady();
    assert.deepEqual((await peer.response(1)).resources, []);
  });

  it('serves ServiceEntries in the version asked', async () => {
    const sink = await start();
    const peer = connect(sink);
    for (const typeUrl of serviceEntryTypes) peer.send(request(typeUrl));
    await peer.response(serviceEntryTypes.length);
    assert.deepEqual(peer.responses.map(({ typeUrl }) => typeUrl).sort(), [...serviceEntryTypes].sort());
    for (const response of peer.responses) assert.deepEqual(hostsOf(response), [['orders.nacos', 2]]);
    assert.equal(new Set(peer.responses.map(({ versionInfo }) => versionInfo)).size, 1);
  });

  it('writes a change to an idle stream, and the newest state after the ack to a busy one', async () => {
    const sink = await start();
    const [idle, busy] = [connect(sink), connect(sink)];
    for (const peer of [idle, busy]) peer.send(request(serviceEntryType));
    idle.send(ack(await idle.response(1)));
    const held = await busy.response(1);
    await poll(() => sink.sink.status().clients.some(({ types }) => types[0]?.state === 'acked'));
    for (const count of [3, 4, 5]) {
      catalog.put(catalogService('orders.nacos', instances(count)));
      const response = await idle.response(count - 1);
      assert.deepEqual(hostsOf(response), [['orders.nacos', count]]);
      idle.send(ack(response));
      await poll(() => sink.sink.status().clients.some(({ types }) => types[0]?.nonce === response.nonce));
    }
    assert.equal(busy.responses.length, 1);
    busy.send(ack(held));
    assert.deepEqual(hostsOf(await busy.response(2)), [['orders.nacos', 5]]);
    // Same state, same bytes: the version and the nonce too.
    assert.deepEqual(busy.responses[1], idle.responses.at(-1));
  });

  it('an emptied service stays, a removed one goes; at once, where that is wanted', async () => {
    const sink = await start({ emptyServices: { keepMs: 60_000 } });
    const peer = connect(sink);
    peer.send(request(serviceEntryType));
    peer.send(ack(await peer.response(1)));
    catalog.put(catalogService('orders.nacos', []));
    const emptied = await peer.response(2);
    assert.deepEqual(hostsOf(emptied), [['orders.nacos', 0]]);
    peer.send(ack(emptied));
    catalog.remove('orders.nacos');
    catalog.put(catalogService('pay.nacos', instances(1)));
    const kept = await peer.response(3);
    assert.deepEqual(hostsOf(kept), [
      ['orders.nacos', 0],
      ['pay.nacos', 1],
    ]);
    await sink.stop();
    const without = await start({ emptyServices: { keepMs: 0 } });
    const other = connect(without);
    other.send(request(serviceEntryType));
    other.send(ack(await other.response(1)));
    catalog.remove('orders.nacos');
    assert.deepEqual(hostsOf(await other.response(2)), []);
  });

  it('shows its clients, what they took and what they refused; the same refusal is logged once', async () => {
    const sink = await start();
    for (let round = 0; round < 2; round++) {
      const peer = connect(sink);
      const node = { id: `istiod-${round}`, cluster: '', locality: undefined, userAgentName: '' };
      peer.send(request('core/v1alpha1/MeshConfig', { node }));
      peer.send(ack(await peer.response(1)));
      peer.send(request(serviceEntryType));
      peer.send(nack(await peer.response(2), 'not today'));
    }
    const clients = await poll(() => {
      const list = sink.sink.status().clients;
      return list.length === 2 && list.every(({ types }) => types[1]?.state === 'nacked') && list;
    });
    assert.deepEqual(clients.map(({ node }) => node).sort(), ['istiod-0', 'istiod-1']);
    const [mesh, entries] = clients[0]?.types ?? [];
    assert.equal(mesh?.state, 'acked');
    assert.deepEqual([entries?.typeUrl, entries?.error], [serviceEntryType, 'not today']);
    assert.equal(sink.warnings.filter(({ error }) => error === 'not today').length, 1);
    const text = await sink.metrics.metrics();
    assert.match(text, /isthmus_mcp_clients\{sink="mcp"\} 2/);
    assert.match(text, /isthmus_mcp_requests_total\{sink="mcp",type="ServiceEntry",kind="nack"\} 2/);
    assert.match(text, /isthmus_mcp_requests_total\{sink="mcp",type="unfilled",kind="ack"\} 2/);
    assert.match(text, /isthmus_mcp_resources\{sink="mcp"\} 1/);
  });

  it('does not push when nothing that istiod sees has changed', async () => {
    const sink = await start();
    const peer = connect(sink);
    peer.send(request(serviceEntryType));
    peer.send(ack(await peer.response(1)));
    catalog.put(catalogService('orders.nacos', instances(2), { metadata: { owner: 'shop' } }));
    catalog.put(catalogService('pay.nacos'));
    assert.deepEqual(hostsOf(await peer.response(2)), [
      ['orders.nacos', 2],
      ['pay.nacos', 0],
    ]);
    assert.equal(peer.responses.length, 2);
  });

  it('a restart gives the same bytes', async () => {
    const versions: string[] = [];
    for (let round = 0; round < 2; round++) {
      const sink = await start();
      const peer = connect(sink);
      peer.send(request(serviceEntryType));
      const { versionInfo, resources } = await peer.response(1);
      versions.push(versionInfo, resources[0]?.value.toString('base64') ?? '');
      await sink.stop();
    }
    assert.deepEqual(versions.slice(0, 2), versions.slice(2));
  });
});
