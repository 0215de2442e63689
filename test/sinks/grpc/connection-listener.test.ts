import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ConnectionListener } from '../../../sinks/grpc/connection-listener.js';
import { poll } from '../../support/poll.js';

describe('ConnectionListener', () => {
  it('closes connections over its limit at once, and tells of each; the others do not notice', async () => {
    const accepted: Socket[] = [];
    const dropped: string[] = [];
    const listener = new ConnectionListener(2, {
      onConnection: (socket) => accepted.push(socket),
      onDropped: (peer) => dropped.push(peer),
      onError: (error) => assert.fail(error),
    });
    const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
    const open = async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined); // closed by the other side is what is tested
      await once(socket, 'connect');
      return socket;
    };
    const kept = [await open(), await open()];
    await poll(() => accepted.length === 2, { what: 'both to be accepted' });
    const extra = await open();
    const peer = `127.0.0.1:${extra.localPort}`;
    await poll(() => extra.closed, { what: 'the third to be closed' });
    assert.deepEqual(dropped, [peer]);
    assert.ok(kept.every((socket) => !socket.closed));
    listener.stopListening();
    listener.dropAll();
    await poll(() => kept.every((socket) => socket.closed), { what: 'all to be closed' });
  });
});
