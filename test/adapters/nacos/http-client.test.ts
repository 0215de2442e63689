import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { NacosHttp } from '../../../adapters/nacos/http-client.js';
import { nacosMetrics } from '../../../adapters/nacos/metrics.js';
import { parseServer } from '../../../adapters/nacos/server.js';
import { leftIn } from '../../support/left-in-signal.js';

describe('adapters/nacos HTTP client', () => {
  let server: Server;
  let http: NacosHttp;
  let silent: boolean;

  beforeEach(async () => {
    silent = false;
    server = createServer((_, response) => {
      if (!silent) response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  function connect(timeoutMs: number): void {
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    http = new NacosHttp({
      servers: [parseServer(`http://127.0.0.1:${address.port}`, 1000)],
      tls: undefined,
      timeoutMs,
      metrics: nacosMetrics(new Registry(), 'a'),
    });
  }

  afterEach(async () => {
    await http.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('leaves nothing behind in a signal that lives for weeks', async () => {
    connect(30_000);
    const { signal } = new AbortController();
    for (let index = 0; index < 50; index++) assert.deepEqual(await http.request({ path: '/x' }, signal), { a: 1 });
    assert.deepEqual(leftIn(signal), { dependants: 0, listeners: 0 });
  });

  it('gives a server that does not answer up at its deadline, and at once when it is aborted', async () => {
    connect(300);
    silent = true;
    const abort = new AbortController();
    await assert.rejects(http.request({ path: '/x' }, abort.signal), /did not answer in 300 ms/);
    const request = http.request({ path: '/x' }, abort.signal);
    abort.abort(new Error('stop'));
    await assert.rejects(request, /stop/);
    await assert.rejects(http.request({ path: '/x' }, abort.signal), /stop/);
    assert.equal(leftIn(abort.signal).listeners, 0);
  });
});
