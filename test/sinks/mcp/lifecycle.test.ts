import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { mcpSink } from '../../../sinks/mcp/index.js';
import { activeResources, assertNoLeaks, ManualClock, type ResourceCounts } from '../../../testkit/index.js';
import { pickPort } from '../../servers/ports.js';
import { poll } from '../../support/poll.js';
import { shardPorts } from '../../support/shard-ports.js';
import { AdsPeer, ack, request } from '../support/ads-peer.js';
import { DeafPeer } from '../support/deaf-peer.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { openRawStream } from '../support/raw-http2.js';
import { runSink, sinkDeps } from '../support/running-sink.js';
import { catalogService, instances } from '../support/services.js';

const serviceEntryType = 'networking.istio.io/v1/ServiceEntry';

/** Enough that no socket buffer holds it. */
function bigCatalog(): MemoryCatalog {
  const catalog = new MemoryCatalog();
  catalog.put(...Array.from({ length: 1000 }, (_, index) => catalogService(`s${index}.nacos`, instances(200))));
  return catalog;
}

/** What is open once the runner's own timer for the test is: it starts when the test first waits. */
async function openNow(): Promise<ResourceCounts> {
  await setImmediate();
  return activeResources();
}

describe('the MCP sink, from start to end', function () {
  this.timeout(30_000);

  it('ends its streams with UNAVAILABLE, settles and leaves nothing open', async () => {
    const before = await openNow();
    const catalog = new MemoryCatalog();
    catalog.put(catalogService('orders.nacos', instances(2)));
    const running = await runSink(catalog);
    const [idle, busy, silent] = [1, 2, 3].map(() => new AdsPeer(running.address));
    assert.ok(idle && busy && silent);
    for (const peer of [idle, busy]) peer.send(request(serviceEntryType));
    idle.send(ack(await idle.response(1)));
    await busy.response(1);
    await poll(() => running.sink.status().clients.length === 3);
    const startMs = performance.now();
    await running.stop();
    assert.ok(performance.now() - startMs < 1500, 'it took its time');
    for (const peer of [idle, busy, silent]) {
      assert.deepEqual(await peer.end(), { code: 'UNAVAILABLE', details: 'the server is shutting down' });
      peer.close();
    }
    assert.equal(catalog.readers, 0);
    assert.deepEqual(running.sink.status().clients, []);
    assert.equal(running.sink.status().listening, undefined);
    await assertNoLeaks(before);
  });

  it('settles also when a peer does not read', async () => {
    const before = await openNow();
    const running = await runSink(bigCatalog());
    const peer = new DeafPeer(running.address, request(serviceEntryType));
    await poll(() => running.sink.status().clients[0]?.types[0]?.state === 'sent');
    const startMs = performance.now();
    await running.stop();
    assert.ok(performance.now() - startMs < 8000, 'it waited for the peer');
    await peer.disconnected;
    await assertNoLeaks(before);
  });

  it('is rid of a peer that does not read, connection and all', async () => {
    const running = await runSink(bigCatalog(), { ackTimeoutMs: 1000 });
    const peer = new DeafPeer(running.address, request(serviceEntryType));
    await poll(() => running.sink.status().clients.length === 1);
    await poll(() => running.sink.status().clients.length === 0);
    const text = await running.metrics.metrics();
    assert.match(text, /isthmus_mcp_ended_streams_total\{sink="mcp",code="UNAVAILABLE"\} 1/);
    await peer.disconnected;
    await running.stop();
  });

  it('leaves the connection of a stream whose end was read', async () => {
    const clock = new ManualClock();
    const running = await runSink(new MemoryCatalog(), { ackTimeoutMs: 1000 }, { clock });
    const peer = new AdsPeer(running.address);
    peer.send(request(serviceEntryType));
    await peer.response(1);
    await clock.advance(1000);
    assert.equal((await peer.end()).code, 'UNAVAILABLE');
    await poll(() => clock.sleepers === 0, { what: 'nothing to be waited for any more' });
    peer.close();
    await running.stop();
  });

  it('says which address it cannot have', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    assert.ok(typeof address === 'object' && address);
    const sink = mcpSink.create(mcpSink.schema.parse({ listen: `127.0.0.1:${address.port}` }), sinkDeps());
    const expected = { message: `cannot listen on 127.0.0.1:${address.port}: the address is in use` };
    await assert.rejects(sink.run(new MemoryCatalog(), new AbortController().signal), expected);
    await assert.rejects(sink.listening, expected);
    other.close();
  });

  it('ends a stream that speaks garbage, and serves on', async () => {
    const catalog = new MemoryCatalog();
    const running = await runSink(catalog);
    const [bad, huge, good] = [1, 2, 3].map(() => new AdsPeer(running.address));
    assert.ok(bad && huge && good);
    bad.send(Buffer.from([0x0a, 0xff, 0xff, 0xff]));
    assert.equal((await bad.end()).code, 'INVALID_ARGUMENT');
    huge.send(request('x', { resourceNames: ['x'.repeat(5 * 1024 * 1024)] }));
    assert.equal((await huge.end()).code, 'RESOURCE_EXHAUSTED');
    good.send(request('core/v1alpha1/MeshConfig'));
    await good.response(1);
    await poll(() => running.sink.status().clients.length === 1);
    for (const peer of [bad, huge, good]) peer.close();
    await running.stop();
  });

  it('outlives connections that are no gRPC', async () => {
    const running = await runSink(new MemoryCatalog());
    const [host = '', port = ''] = running.address.split(':');
    for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\xff\xff', '']) {
      const socket = createConnection({ host, port: Number(port) });
      const closed = once(socket, 'close');
      socket.on('error', () => undefined);
      socket.resume();
      await once(socket, 'connect');
      socket.write(Buffer.from(bytes, 'latin1'), () => socket.resetAndDestroy());
      await closed;
    }
    const peer = new AdsPeer(running.address);
    peer.send(request('core/v1alpha1/MeshConfig'));
    await peer.response(1);
    peer.close();
    await running.stop();
  });

  it('outlives clients that name no authority, or none there is', async () => {
    const running = await runSink(new MemoryCatalog(), { shards: 2 });
    const pseudo = {
      ':method': 'POST',
      ':scheme': 'http',
      ':path': '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
    };
    const grpc = { 'content-type': 'application/grpc', te: 'trailers' };
    const sockets = [
      openRawStream(running.address, { ...pseudo, ...grpc }),
      openRawStream(running.address, { ...pseudo, ':authority': '', ...grpc }),
      openRawStream(running.address, { ...pseudo, ':authority': 'shard-9-of-2.x', ...grpc }),
      openRawStream(running.address, { ...pseudo, ...grpc, host: 'shard-1-of-2.x' }),
    ];
    for (const socket of sockets) socket.resume();
    try {
      await poll(() => running.sink.clients().length === 1, { timeoutMs: 5000, what: 'the one that can be served' });
      assert.equal(running.sink.clients()[0]?.part, 'shard 1 of 2');
      const peer = new AdsPeer(running.address);
      peer.send(request('core/v1alpha1/MeshConfig'));
      await peer.response(1);
      peer.close();
    } finally {
      for (const socket of sockets) socket.destroy();
      await running.stop();
    }
  });

  it('listens on no port when one of its shards cannot have its own', async () => {
    const taken = createServer();
    const base = await pickPort(shardPorts(2));
    await new Promise<void>((resolve) => taken.listen(base + 201, '127.0.0.1', resolve));
    const config = mcpSink.schema.parse({ listen: `127.0.0.1:${base}`, shards: 2, shardBy: 'port' });
    const sink = mcpSink.create(config, sinkDeps());
    const expected = new RegExp(`cannot listen on 127.0.0.1:${base + 201}: the address is in use`);
    await assert.rejects(sink.run(new MemoryCatalog(), new AbortController().signal), expected);
    for (const port of [base, base + 200]) {
      const socket = createConnection({ host: '127.0.0.1', port });
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNREFUSED');
    }
    await new Promise((resolve) => taken.close(resolve));
  });

  it('has no more clients than it may, and takes another when one is gone', async () => {
    const running = await runSink(new MemoryCatalog(), { maxClients: 1 });
    const first = new AdsPeer(running.address);
    first.send(request('core/v1alpha1/MeshConfig'));
    await first.response(1);
    const second = new AdsPeer(running.address);
    assert.deepEqual(await second.end(), { code: 'RESOURCE_EXHAUSTED', details: 'there are 1 clients already' });
    first.close();
    await poll(() => running.sink.status().clients.length === 0);
    const third = new AdsPeer(running.address);
    third.send(request('core/v1alpha1/MeshConfig'));
    await third.response(1);
    for (const peer of [second, third]) peer.close();
    await running.stop();
  });

  it('may run beside another sink of its kind on one metrics registry', async () => {
    const deps = sinkDeps();
    const config = mcpSink.schema.parse({});
    mcpSink.create(config, deps);
    mcpSink.create(config, { ...deps, name: 'mcp-2' });
  });
});
