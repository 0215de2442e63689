import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { poll } from '../../support/poll.js';
import { TestAuthority, type TestPair } from '../../support/test-authority.js';
import { set } from '../support/xds-mock.js';
import { startXdsServer, XdsPeer } from '../support/xds-server.js';

describe('a port with TLS', () => {
  const authority = new TestAuthority();
  const stranger = new TestAuthority('stranger');
  const serverPair = authority.issue({ dns: ['isthmus.test'], ips: ['127.0.0.1'] });
  let dir: string;
  let files: { cert: string; key: string; clientCa: string };
  let running: Awaited<ReturnType<typeof startXdsServer>> | undefined;
  const peers: XdsPeer[] = [];
  const sockets: Socket[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-port-'));
    files = { cert: join(dir, 'tls.crt'), key: join(dir, 'tls.key'), clientCa: join(dir, 'ca.crt') };
    await write(serverPair);
    await writeFile(files.clientCa, authority.cert);
  });

  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    await running?.server.close();
    running = undefined;
    await rm(dir, { recursive: true });
  });

  async function write({ cert, key }: TestPair): Promise<void> {
    await writeFile(`${files.cert}.new`, cert);
    await writeFile(`${files.key}.new`, key);
    await rename(`${files.cert}.new`, files.cert);
    await rename(`${files.key}.new`, files.key);
  }

  async function start(clients?: { readonly sans: readonly string[] }) {
    const { cert, key, clientCa } = files;
    const tls = { cert, key, clientSans: clients?.sans ?? [], ...(clients && { clientCa }) };
    running = await startXdsServer({ tls });
    running.cache.apply([set('t', 'a')]);
    return running;
  }

  function dial(address: string, pair?: TestPair, trusted = authority): XdsPeer {
    const own = pair ? ([Buffer.from(pair.key), Buffer.from(pair.cert)] as const) : ([] as const);
    const peer = new XdsPeer(address, credentials.createSsl(Buffer.from(trusted.cert), ...own));
    peers.push(peer);
    peer.send('t');
    return peer;
  }

  function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      servername: 'isthmus.test',
      ca: authority.cert,
      ALPNProtocols: ['h2'],
      ...options,
    });
    sockets.push(socket);
    return new Promise((resolve, reject) => {
      socket.once('secureConnect', () => resolve(socket));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed')));
    });
  }

  async function isClosed(socket: Socket, timeoutMs = 10_000): Promise<void> {
    socket.on('error', () => undefined);
    socket.resume();
    await poll(() => socket.destroyed, { timeoutMs, what: 'the connection to be closed' });
  }

  it('serves a gRPC client that trusts it, many messages long', async () => {
    const { address, cache, refused } = await start();
    const peer = dial(address);
    let { nonce } = await peer.response(1);
    for (let version = 2; version <= 20; version++) {
      peer.send('t', { responseNonce: nonce });
      cache.apply([set('t', 'a', `v${version}`)]);
      const response = await peer.response(version);
      assert.equal(response.resources[0]?.version, `v${version}`);
      nonce = response.nonce;
    }
    assert.deepEqual(refused, []);
  });

  it('speaks TLS 1.2 and 1.3, HTTP/2 alone, and no plain text', async () => {
    const { port, refused } = await start();
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await handshake(port, { minVersion: version, maxVersion: version });
      assert.equal(socket.getProtocol(), version);
    }
    await assert.rejects(
      handshake(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    );
    await assert.rejects(handshake(port, { ALPNProtocols: ['http/1.1'] }));
    const silent = await handshake(port, { ALPNProtocols: [] });
    await isClosed(silent);
    const plain = connectTcp(port, '127.0.0.1');
    sockets.push(plain);
    plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await isClosed(plain);
    await poll(() => refused.length === 4, { what: 'four to be counted' });
    assert.ok(
      refused.every((text) => text.startsWith('tls: ')),
      refused.join(),
    );
  });

  it('takes clients whose certificate an authority signed and has an allowed name, and no others', async () => {
    const { address, refused } = await start({ sans: ['*.mesh.internal', 'spiffe://cluster.local/ns/istio-system/*'] });
    const good = [
      authority.issue({ dns: ['envoy-1.mesh.internal'] }),
      authority.issue({ uris: ['spiffe://cluster.local/ns/istio-system/sa/istiod'] }),
    ];
    for (const pair of good) assert.equal((await dial(address, pair).response(1)).resources.length, 1);
    assert.deepEqual(refused, []);
    const bad = [
      undefined,
      stranger.issue({ dns: ['envoy-1.mesh.internal'] }),
      authority.issue({ dns: ['mesh.internal'], uris: ['spiffe://cluster.local/ns/default/sa/istiod'] }),
    ];
    for (const pair of bad) {
      const peer = dial(address, pair);
      assert.equal((await peer.end()).code, 'UNAVAILABLE');
      assert.equal(peer.responses.length, 0);
    }
    await poll(() => refused.length >= 3, { what: 'three to be counted' });
    // The others have not noticed.
    running?.cache.apply([set('t', 'b')]);
    for (const peer of peers.slice(0, 2)) peer.send('t', { responseNonce: peer.responses[0]?.nonce ?? '' });
    for (const peer of peers.slice(0, 2)) await peer.response(2);
  });

  it('takes a renewed certificate with the next connection, and stays with the old one while the new is bad', async () => {
    const { address, cache, errors, port } = await start();
    const before = dial(address);
    await before.response(1);
    const renewed = new TestAuthority('renewed');
    await write(renewed.issue({ dns: ['isthmus.test'] }));
    assert.equal((await dial(address, undefined, renewed).response(1)).resources.length, 1);
    // A connection that is open stays.
    before.send('t', { responseNonce: before.responses[0]?.nonce ?? '' });
    cache.apply([set('t', 'a', 'v2')]);
    await before.response(2);
    await writeFile(files.key, serverPair.key);
    const socket = await handshake(port, { ca: renewed.cert });
    assert.equal(socket.authorized, true);
    assert.deepEqual(errors, [`${files.key} is not the key of ${files.cert}`]);
    await rm(files.cert);
    await handshake(port, { ca: renewed.cert });
    assert.equal(errors[1], `cannot read ${files.cert}: there is no such file`);
    await write(serverPair);
    await handshake(port, { ca: authority.cert });
    assert.equal(errors.length, 2);
  });

  it('does not start with files that it cannot use, and says which', async () => {
    await writeFile(files.key, 'nothing');
    await assert.rejects(start(), { message: `${files.key} holds no PEM key without a passphrase` });
    await rm(files.key);
    await assert.rejects(start(), { message: `cannot read ${files.key}: there is no such file` });
  });

  it('ends with connections in the middle of a handshake', async () => {
    const { port, server } = await start();
    const plain = connectTcp(port, '127.0.0.1');
    sockets.push(plain);
    await poll(() => plain.readyState === 'open');
    await server.close();
    await isClosed(plain, 2000); // long before its handshake would be given up
  });
});
