import assert from 'node:assert/strict';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import type { AdsServerOptions } from '../../../sinks/grpc/ads-server.js';
import { adsService } from '../../../sinks/grpc/ads-service.js';
import { poll } from '../../support/poll.js';
import { set } from '../support/xds-mock.js';
import { startXdsServer, XdsPeer } from '../support/xds-server.js';

const { path: deltaPath } = adsService.deltaAggregatedResources;

describe('the limits of a port', () => {
  let running: Awaited<ReturnType<typeof startXdsServer>>;
  let bystander: XdsPeer;
  const peers: XdsPeer[] = [];
  const sessions: ClientHttp2Session[] = [];
  const sockets: Socket[] = [];

  async function start(limits: AdsServerOptions['limits'], maxClients?: number): Promise<void> {
    running = await startXdsServer({ limits, ...(maxClients === undefined ? {} : { maxClients }) });
    running.cache.apply([set('t', 'a')]);
    bystander = dial();
    bystander.send('t');
    await bystander.response(1);
  }

  function dial(target: string | XdsPeer = running.address): XdsPeer {
    const peer = new XdsPeer(target);
    peers.push(peer);
    return peer;
  }

  function rawSession(): ClientHttp2Session {
    const session = connect(`http://${running.address}`);
    session.on('error', () => undefined); // being dropped is what is tested
    sessions.push(session);
    return session;
  }

  /** Opens a stream and resets it before it is answered. */
  function reset(session: ClientHttp2Session, path: string): void {
    if (session.destroyed || session.closed) return;
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request(headers);
    stream.on('error', () => undefined);
    stream.close(constants.NGHTTP2_CANCEL);
  }

  /** The client that was there all the time is told of a change. */
  async function bystanderIsServed(): Promise<void> {
    const count = bystander.responses.length;
    bystander.send('t', { responseNonce: bystander.responses.at(-1)?.nonce ?? '' });
    running.cache.apply([set('t', 'a', `v${count + 1}`)]);
    assert.equal((await bystander.response(count + 1)).resources[0]?.version, `v${count + 1}`);
  }

  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close();
    for (const session of sessions.splice(0)) session.destroy();
    for (const socket of sockets.splice(0)) socket.destroy();
    await running.server.close();
  });

  it('drops a connection whose client resets streams rapidly', async () => {
    await start({ resets: 20, resetWindowMs: 60_000 });
    const session = rawSession();
    for (let count = 0; count < 20; count++) reset(session, deltaPath);
    await new Promise<void>((resolve) => session.ping(() => resolve()));
    assert.equal(session.destroyed, false);
    assert.deepEqual(running.refused, []);
    reset(session, deltaPath);
    await poll(() => session.destroyed, { what: 'the connection to be dropped' });
    assert.deepEqual(running.refused, ['resets: more than 20 streams ended within 60000 ms']);
    await poll(() => running.server.clientCount === 1, { what: 'no stream to be left' });
    await bystanderIsServed();
  });

  it('counts resets anew with each window', async () => {
    await start({ resets: 5, resetWindowMs: 100 });
    const session = rawSession();
    const startMs = Date.now();
    for (let round = 0; round < 3; round++) {
      for (let count = 0; count < 5; count++) reset(session, deltaPath);
      await new Promise<void>((resolve) => session.ping(() => resolve()));
      await poll(() => Date.now() - startMs > (round + 1) * 150, { intervalMs: 10 });
    }
    assert.equal(session.destroyed, false);
    assert.deepEqual(running.refused, []);
  });

  it('does not mind resets of a path that it does not have: the connection goes, the others stay', async () => {
    await start({});
    const session = rawSession();
    for (let count = 0; count < 5000; count++) reset(session, '/no.such/Method');
    await poll(() => session.destroyed || session.closed, { what: 'the connection to be dropped' });
    await bystanderIsServed();
  });

  it('refuses streams of one connection over the limit, and takes another when one is gone', async () => {
    await start({ streamsPerConnection: 2 });
    const first = dial();
    first.send('t');
    await first.response(1);
    const second = dial(first);
    second.send('t');
    await second.response(1);
    const third = dial(first);
    third.send('t');
    assert.deepEqual(await third.end(), {
      code: 'RESOURCE_EXHAUSTED',
      details: 'there are 2 streams on the connection already',
    });
    assert.deepEqual(running.refused, ['streamsPerConnection: there are 2 streams on the connection already']);
    second.stream.cancel();
    await second.end();
    await poll(() => running.server.clientCount === 2, { what: 'the second to be gone' });
    const fourth = dial(first);
    fourth.send('t');
    await fourth.response(1);
    await bystanderIsServed();
  });

  it('refuses streams of all over the limit', async () => {
    await start({}, 2);
    const second = dial();
    second.send('t');
    await second.response(1);
    const third = dial();
    third.send('t');
    assert.equal((await third.end()).code, 'RESOURCE_EXHAUSTED');
    assert.deepEqual(running.refused, ['clients: there are 2 clients already']);
    await bystanderIsServed();
  });

  it('closes connections over the limit', async () => {
    await start({ connections: 2 });
    const second = connectTcp(running.port, '127.0.0.1');
    sockets.push(second);
    await poll(() => second.readyState === 'open');
    const third = connectTcp(running.port, '127.0.0.1');
    third.on('error', () => undefined);
    sockets.push(third);
    await poll(() => third.destroyed, { what: 'the third to be closed' });
    assert.deepEqual(running.refused, ['connections: there are 2 already']);
    await bystanderIsServed();
  });

  it('ends a stream that sends too long a message, unread, and counts it', async () => {
    await start({ requestBytes: 2048 });
    const long = dial();
    long.send('t', { resourceNamesSubscribe: ['x'.repeat(1000), 'y'.repeat(1000)] });
    await long.response(1);
    long.send('t', { resourceNamesSubscribe: ['x'.repeat(1000), 'y'.repeat(1000), 'z'.repeat(100)] });
    assert.equal((await long.end()).code, 'RESOURCE_EXHAUSTED');
    assert.equal(running.refused.length, 1);
    assert.match(running.refused[0] ?? '', /^requestBytes: Received message larger than max \(\d+ vs 2048\)$/);
    await poll(() => running.server.clientCount === 1, { what: 'the stream to be forgotten' });
    await bystanderIsServed();
  });

  it('ends a stream that asks for too many names, and counts it', async () => {
    await start({});
    const greedy = dial();
    greedy.send('t', { resourceNamesSubscribe: Array.from({ length: 11 }, (_, index) => `n${index}`) });
    assert.equal((await greedy.end()).code, 'RESOURCE_EXHAUSTED');
    assert.equal(running.refused[0], 'subscriptions: ');
    await bystanderIsServed();
  });
});
