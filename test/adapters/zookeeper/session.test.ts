import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, it } from 'mocha';
import { type ConnectionUse, ZookeeperSession } from '../../../adapters/zookeeper/session.js';
import { systemClock } from '../../../core/time/index.js';

const options = { sessionTimeoutMs: 15_000, connectTimeoutMs: 5000, requestTimeoutMs: 30_000, concurrency: 4 };

/** ConnectResponse: protocol version, session timeout, session id, password. */
function connectResponse(): Buffer {
  const response = Buffer.alloc(4 + 36);
  response.writeInt32BE(36, 0);
  response.writeInt32BE(15_000, 8);
  response.writeBigInt64BE(7n, 12);
  response.writeInt32BE(16, 20);
  return response;
}

/** A ZooKeeper that opens sessions and answers nothing else. */
async function startSilentServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(connectResponse()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: address.port, stop };
}

describe('ZookeeperSession', () => {
  let stop: () => Promise<void> = async () => undefined;
  afterEach(() => stop());

  it('settles within a second after the abort, though the server does not answer what is asked', async () => {
    const server = await startSilentServer();
    stop = server.stop;
    const servers = [{ host: '127.0.0.1', port: server.port }];
    const session = new ZookeeperSession(
      { ...options, maxResponseBytes: 4_194_304, servers, readOnly: false },
      { clock: systemClock },
    );
    const abort = new AbortController();
    const troubles: string[] = [];
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const use: ConnectionUse = async (connection) => {
      const children = connection.getChildren('/dubbo', false);
      asked();
      await children;
    };
    const run = session.run(use, (error) => troubles.push(error.message), abort.signal);
    await isAsked;
    const abortedMs = performance.now();
    abort.abort(new Error('stop'));
    await run;
    const tookMs = performance.now() - abortedMs;
    assert.ok(tookMs < 1000, `it took ${Math.round(tookMs)} ms`);
    assert.deepEqual(troubles, []);
  });
});
