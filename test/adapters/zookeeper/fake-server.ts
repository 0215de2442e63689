import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';

/** ConnectResponse: protocol version, session timeout, session id, password. */
function connectResponse(): Buffer {
  const response = Buffer.alloc(4 + 36);
  response.writeInt32BE(36, 0);
  response.writeInt32BE(15_000, 8);
  response.writeBigInt64BE(7n, 12);
  response.writeInt32BE(16, 20);
  return response;
}

/**
 * A ZooKeeper that opens sessions and answers nothing else, but for what `answer` gives: the body of the reply to a
 * request. Requests must come one at a time.
 */
export async function startFakeServer(answer: (request: Buffer) => Buffer | undefined = () => undefined) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', () => {
      socket.write(connectResponse());
      socket.on('data', (request: Buffer) => {
        const body = answer(request);
        if (body === undefined) return;
        const head = Buffer.alloc(20);
        head.writeInt32BE(16 + body.length, 0);
        request.copy(head, 4, 4, 8);
        socket.write(Buffer.concat([head, body]));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: address.port, sockets: sockets as ReadonlySet<Socket>, stop };
}
