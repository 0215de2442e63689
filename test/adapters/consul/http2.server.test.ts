import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http2, { type Http2SecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import type { ConsulClient } from '../../../adapters/consul/client.js';
import { ConsulError } from '../../../adapters/consul/consul-error.js';
import { activeResources, assertNoLeaks } from '../../../testkit/leaks.js';
import { consulCertificates } from '../../servers/consul.js';
import { poll } from '../../support/poll.js';
import { makeClient } from './make-client.js';

/** What a real Consul does over HTTP/2 is in tls.server.test.ts; these are servers that fail. */
describe('adapters/consul: HTTP/2', function () {
  this.timeout(60_000);
  let dir: string;
  let pem: { ca: string; cert: string; key: string };
  let server: Http2SecureServer;
  let client: ConsulClient | undefined;
  let sessions: ServerHttp2Session[] = [];
  let streams: ServerHttp2Stream[] = [];
  let answer: (stream: ServerHttp2Stream) => void;
  const { signal } = new AbortController();
  const ok = { ':status': 200, 'x-consul-index': '7', 'x-consul-knownleader': 'true' };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-consul-http2-'));
    const made = await consulCertificates(dir);
    const [ca, cert, key] = await Promise.all(
      [made.ca, made.server.cert, made.server.key].map((path) => readFile(path, 'utf8')),
    );
    pem = { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
  });

  after(() => rm(dir, { recursive: true, force: true }));

  beforeEach(async () => {
    answer = (stream) => {
      stream.respond(ok);
      stream.end('[]');
    };
    sessions = [];
    streams = [];
    server = http2.createSecureServer({ key: pem.key, cert: pem.cert, settings: { maxConcurrentStreams: 3 } });
    server.on('session', (session) => sessions.push(session));
    server.on('sessionError', () => undefined); // what the tests provoke
    server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      streams.push(stream);
      answer(stream);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    await client?.close();
    client = undefined;
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  const open = async (overrides: Parameters<typeof makeClient>[1] = {}) => {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = await makeClient(url, {
      tls: { ca: Buffer.from(pem.ca) },
      connections: 2,
      requestTimeoutMs: 60_000,
      ...overrides,
    });
    return client;
  };
  const get = (of: ConsulClient, within = signal) => of.get({ path: '/v1/x', of: 'instances' }, within);
  const failsUnreachable = (pending: Promise<unknown>, message: RegExp) =>
    assert.rejects(pending, (error) => {
      assert.ok(error instanceof ConsulError, String(error));
      assert.equal(error.failure, 'unreachable');
      assert.match(error.message, message);
      return true;
    });

  it('fills one connection before another, and lets requests wait for a place on the last', async () => {
    answer = () => undefined;
    const reader = await open();
    assert.equal(reader.parallel, 6);
    await poll(() => sessions.length === 1);
    const pending = Array.from({ length: 7 }, () => get(reader));
    await poll(() => streams.length === 6, { what: 'six requests' });
    assert.equal(sessions.length, 2);
    for (const stream of streams.slice(0, 6)) {
      stream.respond(ok);
      stream.end('[]');
    }
    await poll(() => streams.length === 7, { what: 'the seventh' });
    streams[6]?.respond(ok);
    streams[6]?.end('[]');
    for (const each of await Promise.all(pending)) assert.deepEqual(each.parse(), []);
    assert.equal(sessions.length, 2);
  });

  it('takes an answer that breaks off for none', async () => {
    answer = (stream) => {
      stream.respond(ok);
      stream.write('[]');
      setImmediate(() => stream.destroy(new Error('broken')));
    };
    await failsUnreachable(get(await open()), /broke off|NGHTTP2_INTERNAL_ERROR|closed/);
    answer = (stream) => {
      stream.respond(ok);
      stream.write('[]');
      setImmediate(() => stream.session?.destroy());
    };
    await failsUnreachable(get(client ?? assert.fail()), /./);
  });

  it('fails what waits on a connection that goes, and makes another one', async () => {
    answer = () => undefined;
    const reader = await open();
    const waiting = failsUnreachable(get(reader), /./);
    await poll(() => streams.length === 1);
    sessions[0]?.destroy();
    await waiting;
    answer = (stream) => {
      stream.respond(ok);
      stream.end('[1]');
    };
    assert.deepEqual((await get(reader)).parse(), [1]);
  });

  it('leaves a connection that its server takes leave of, once its answers have come', async () => {
    answer = () => undefined;
    const reader = await open();
    const pending = get(reader);
    await poll(() => streams.length === 1);
    sessions[0]?.goaway();
    answer = (stream) => {
      stream.respond(ok);
      stream.end('[2]');
    };
    await poll(async () => {
      await get(reader);
      return sessions.length === 2;
    });
    streams[0]?.respond(ok);
    streams[0]?.end('[1]');
    assert.deepEqual((await pending).parse(), [1]);
  });

  it('refuses an answer over its bound, and goes on', async () => {
    answer = (stream) => {
      stream.respond(ok);
      stream.end('x'.repeat(100_000));
    };
    const reader = await open();
    await assert.rejects(get(reader), /larger than 2000 bytes/);
    answer = (stream) => {
      stream.respond(ok);
      stream.end('[]');
    };
    for (let round = 0; round < 10; round++) await get(reader);
    assert.equal(sessions.length, 1);
  });

  it('ends at once when it is aborted or closed, and leaves nothing behind', async () => {
    const before = await activeResources();
    answer = () => undefined;
    const reader = await open();
    const abort = new AbortController();
    const aborted = Array.from({ length: 8 }, () => assert.rejects(get(reader, abort.signal), /the end/));
    await poll(() => streams.length === 6);
    abort.abort(new Error('the end'));
    await Promise.all(aborted);
    const closed = Array.from({ length: 8 }, () => failsUnreachable(get(reader), /./));
    await poll(() => streams.length >= 12);
    await reader.close();
    await Promise.all(closed);
    client = undefined;
    for (const session of sessions) session.destroy();
    await assertNoLeaks(before);
  });

  it('lets go of a connection that the server has ended and never closes', async () => {
    // An empty SETTINGS, and a GOAWAY; then nothing, not even the end of what is sent.
    const frames = Buffer.from('000000040000000000' + '0000080700000000000000000000000000', 'hex');
    const options = { key: pem.key, cert: pem.cert, ALPNProtocols: ['h2'], allowHalfOpen: true };
    const sockets: tls.TLSSocket[] = [];
    const hung = tls.createServer(options, (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined); // the client's end of it
      socket.resume().write(frames);
    });
    await new Promise<void>((resolve) => hung.listen(0, '127.0.0.1', resolve));
    try {
      client = await makeClient(`https://127.0.0.1:${(hung.address() as AddressInfo).port}`, {
        tls: { ca: Buffer.from(pem.ca) },
      });
      // Only what is sent to it tells whether the other end is still there.
      const isGone = () => sockets[0]?.destroyed || (sockets[0]?.write(frames.subarray(0, 9)) && false);
      await poll(isGone, { timeoutMs: 45_000, what: 'the end of the connection', intervalMs: 500 });
    } finally {
      await client?.close();
      client = undefined;
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => hung.close(resolve));
    }
  });

  it('is not spoken to a server that knows HTTP/1.1 alone', async () => {
    const old = https.createServer(
      { key: pem.key, cert: pem.cert, ALPNProtocols: ['http/1.1'] },
      (request, response) => {
        response.writeHead(200, { 'x-consul-index': '7' }).end(JSON.stringify([request.httpVersion]));
      },
    );
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
    try {
      client = await makeClient(`https://127.0.0.1:${(old.address() as AddressInfo).port}`, {
        tls: { ca: Buffer.from(pem.ca) },
      });
      assert.deepEqual((await get(client)).parse(), ['1.1']);
      assert.equal(client.parallel, 2);
    } finally {
      await client?.close();
      client = undefined;
      await new Promise((resolve) => old.close(resolve));
    }
  });
});
