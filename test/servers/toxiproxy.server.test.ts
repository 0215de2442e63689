import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { http } from '../support/http.js';
import { assertGone } from './assert-gone.js';
import { pickPort } from './ports.js';
import { startToxiproxy, type ToxicProxy, type Toxiproxy } from './toxiproxy.js';

describe('a real Toxiproxy', function () {
  this.timeout(60_000);
  let toxiproxy: Toxiproxy;
  let server: Server;
  let proxy: ToxicProxy;
  const ask = (timeoutMs = 10_000) => http(`http://127.0.0.1:${proxy.port}/`, { timeoutMs });

  before(async () => {
    toxiproxy = await startToxiproxy();
    server = createServer((_request, response) => response.end('x'.repeat(10_000)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    proxy = await toxiproxy.createProxy('web', await pickPort(), `127.0.0.1:${port}`);
  });
  afterEach(() => proxy.heal());
  after(async () => {
    server.close();
    const { pid } = toxiproxy;
    await toxiproxy.stop();
    assertGone(pid);
  });

  it('lets through what it is told nothing about', async () => {
    assert.equal((await ask()).body.length, 10_000);
  });

  for (const stream of ['upstream', 'downstream'] as const) {
    it(`swallows what goes ${stream}, until it is healed`, async () => {
      await proxy.add({ type: 'timeout', stream, attributes: { timeout: 0 } });
      await assert.rejects(ask(500));
      await proxy.heal();
      assert.equal((await ask()).status, 200);
    });
  }

  it('cuts an answer in its middle', async () => {
    await proxy.add({ type: 'limit_data', stream: 'downstream', attributes: { bytes: 3000 } });
    await assert.rejects(ask());
  });

  it('refuses connections while it is disabled', async () => {
    await proxy.enable(false);
    await assert.rejects(ask(), { code: 'ECONNREFUSED' });
  });

  it('tells why it did not do as asked', async () => {
    await assert.rejects(
      proxy.add({ type: 'nonsense' as 'timeout', stream: 'upstream', attributes: {} }),
      /toxiproxy: POST .* 400/,
    );
  });
});
