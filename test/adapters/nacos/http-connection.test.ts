import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { NacosCredentials } from '../../../adapters/nacos/credentials.js';
import { NacosHttp } from '../../../adapters/nacos/http-client.js';
import { HttpConnection } from '../../../adapters/nacos/http-connection.js';
import { NacosLogin } from '../../../adapters/nacos/login.js';
import { nacosMetrics } from '../../../adapters/nacos/metrics.js';
import { NacosError } from '../../../adapters/nacos/nacos-error.js';
import { RequestGate } from '../../../adapters/nacos/request-gate.js';
import { parseServer } from '../../../adapters/nacos/server.js';
import { systemClock } from '../../../core/plugin/index.js';

describe('adapters/nacos connection to a server of 1.x', () => {
  let server: Server;
  let http: NacosHttp;
  let connection: HttpConnection;
  let abort: AbortController;
  let answer: { readonly status: number; readonly body: string };
  const requests: { url: string; body: string; headers: Readonly<Record<string, unknown>> }[] = [];

  beforeEach(async () => {
    requests.length = 0;
    answer = { status: 200, body: '{"status":"UP"}' };
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      requests.push({ url: request.url ?? '', body: Buffer.concat(chunks).toString(), headers: request.headers });
      response.writeHead(answer.status).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const metrics = nacosMetrics(new Registry(), 'a');
    const servers = [parseServer(`http://127.0.0.1:${port}`, 1000)];
    http = new NacosHttp({ servers, tls: undefined, timeoutMs: 5000, metrics });
    abort = new AbortController();
    const { signal } = abort;
    const clock = systemClock;
    const backoff = { baseMs: 10, maxMs: 10 };
    const login = new NacosLogin({ http, clock, backoff, username: undefined, password: undefined, signal });
    const [first] = servers;
    assert.ok(first);
    connection = await HttpConnection.open(
      {
        server: first,
        http,
        credentials: new NacosCredentials(login, undefined),
        gate: new RequestGate(clock, 10, 1000),
        clock,
        keepAliveMs: 60_000,
        pollIntervalMs: 60_000,
        onPush: () => undefined,
      },
      signal,
    );
  });

  afterEach(async () => {
    connection.close();
    abort.abort();
    await http.close();
    server.closeAllConnections();
    server.close();
  });

  const contexts = [
    { dataId: 'com.foo.Api::.configurators', group: 'dubbo', tenant: '', md5: '' },
    { dataId: 'shop.tag-router', group: 'dubbo', tenant: '', md5: 'abc' },
  ];
  const listen = { module: 'config', listen: true, configListenContexts: contexts };

  it('asks which configurations have changed in one request, and reads the answer', async () => {
    answer = { status: 200, body: 'shop.tag-router%02dubbo%01com.foo.Api%3A%3A.configurators%02dubbo%02ns%01\n' };
    const { changedConfigs } = await connection.request('ConfigBatchListenRequest', listen);
    assert.deepEqual(changedConfigs, [
      { dataId: 'shop.tag-router', group: 'dubbo', tenant: undefined },
      { dataId: 'com.foo.Api::.configurators', group: 'dubbo', tenant: 'ns' },
    ]);
    const sent = new URLSearchParams(requests.at(-1)?.body).get('Listening-Configs');
    assert.equal(sent, 'com.foo.Api::.configurators\u0002dubbo\u0002\u0001shop.tag-router\u0002dubbo\u0002abc\u0001');
    assert.equal(requests.at(-1)?.headers['long-pulling-timeout-no-hangup'], 'true');
  });

  it('tells a configuration that is not there from one that cannot be read', async () => {
    const query = { module: 'config', tenant: '', group: 'dubbo', dataId: 'x' };
    answer = { status: 200, body: 'a: 1' };
    assert.deepEqual(await connection.request('ConfigQueryRequest', query), { content: 'a: 1' });
    for (const [status, code] of [
      [404, 300],
      [403, 403],
      [500, 500],
    ] as const) {
      answer = { status, body: 'no' };
      await assert.rejects(connection.request('ConfigQueryRequest', query), { code });
    }
  });

  it('takes any answer for one that it is, or rejects it as none', async () => {
    const body = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom('', '%', '%01', '[]', 'null', '{"hosts":1}', '%E0%A4%A'),
    );
    const status = fc.constantFrom(200, 200, 200, 204, 302, 400, 404, 500);
    const key = { namespace: 'public', groupName: 'G', serviceName: 's' };
    const asked: readonly (readonly [string, object])[] = [
      ['ServiceListRequest', { ...key, pageNo: 1, pageSize: 10 }],
      ['ServiceQueryRequest', key],
      ['SubscribeServiceRequest', { ...key, subscribe: true }],
      ['ConfigQueryRequest', { tenant: '', group: 'dubbo', dataId: 'x' }],
      ['ConfigBatchListenRequest', listen],
      ['NoSuchRequest', {}],
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...asked), status, body, async ([type, wanted], code, text) => {
        answer = { status: code, body: code === 204 ? '' : text };
        try {
          assert.equal(typeof (await connection.request(type, { ...wanted })), 'object');
        } catch (error) {
          assert.ok(error instanceof NacosError, String(error));
          assert.ok(error.message.length < 1000);
        }
      }),
      { numRuns: 200 },
    );
    assert.ok(!connection.lost.aborted);
  });
});
