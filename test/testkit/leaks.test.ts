import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { activeResources, assertNoLeaks } from '../../testkit/index.js';

describe('assertNoLeaks', () => {
  it('finds a timer that was left', async () => {
    const before = await activeResources();
    const timer = setInterval(() => {}, 1000);
    await assert.rejects(assertNoLeaks(before, { settleMs: 50 }), /still open 50 ms after .*: 1 × Timeout/);
    clearInterval(timer);
    await assertNoLeaks(before);
  });

  it('finds a server and a socket, and waits until they are closed', async () => {
    const before = await activeResources();
    const server = createServer((peer) => peer.resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert(address && typeof address === 'object');
    const socket = connect(address.port, '127.0.0.1');
    await once(socket, 'connect');
    try {
      await assert.rejects(assertNoLeaks(before, { settleMs: 50 }), /TCPServerWrap/);
      await assert.rejects(assertNoLeaks(before, { settleMs: 50 }), /TCPSocketWrap/);
    } finally {
      socket.end();
      server.close();
    }
    await assertNoLeaks(before);
  });

  it('lets pass as many of a kind as it is told', async () => {
    const before = await activeResources();
    const timers = [1, 2].map(() => setInterval(() => {}, 1000));
    await assertNoLeaks(before, { allowed: 2 });
    await assert.rejects(assertNoLeaks(before, { allowed: 1, settleMs: 10 }), /2 × Timeout/);
    for (const timer of timers) clearInterval(timer);
  });
});
