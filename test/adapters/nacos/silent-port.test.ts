import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { SourceRun } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';
import { makeSource } from './make-source.js';

describe('adapters/nacos with a port that takes connections and says nothing', () => {
  let server: Server;
  let run: SourceRun | undefined;
  let open: Set<Socket>;
  let accepted: number;

  beforeEach(async () => {
    open = new Set();
    accepted = 0;
    server = createServer((socket) => {
      accepted++;
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
      socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
    for (const socket of open) socket.destroy();
    server.close();
  });

  for (const scheme of ['http', 'https']) {
    it(`leaves no connection behind for its attempts: ${scheme}`, async () => {
      const { port } = server.address() as AddressInfo;
      const place = { servers: [`${scheme}://127.0.0.1:1`], grpcPortOffset: port - 1, namespaces: ['public'] };
      run = new SourceRun(makeSource({ ...place, requestTimeoutMs: 100, retryBaseMs: 10, retryMaxMs: 20 }));
      await poll(() => accepted >= 5, { intervalMs: 5, what: 'five attempts' });
      assert.ok(open.size < 3, `${open.size} of ${accepted} are open`);
      await run.stop();
      await poll(() => open.size === 0, { timeoutMs: 5000, what: 'the last one to be closed' });
    });
  }
});
