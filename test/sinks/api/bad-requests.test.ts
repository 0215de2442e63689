import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { Secret } from '../../../core/config/secret.js';
import { HttpProblem } from '../../../core/plugin/index.js';
import { http } from '../../support/http.js';
import { poll } from '../../support/poll.js';
import { aCatalogService, startApi, type TestApi } from './api.js';

/** Sends bytes as they are and gives what comes back until the server closes, or `untilMs` is over. */
function raw(port: number, text: string, untilMs = 5000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const timer = setTimeout(() => socket.destroy(), untilMs);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.write(text);
  });
}

/** The status of one request whose first line is `METHOD TARGET`. */
async function statusOf(port: number, line: string, headers = ''): Promise<number> {
  const answer = await raw(port, `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`);
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

describe('bad requests to the REST API', () => {
  let test: TestApi;
  let handled: unknown[];
  before(async () => {
    test = await startApi({}, ({ routes }) => {
      routes.add({
        method: 'PUT',
        path: '/api/v1/registry/:source/instances/:id',
        handle: ({ params, body }) => {
          handled.push({ ...params, body });
          return { status: 200, body: { done: true } };
        },
      });
      routes.add({ method: 'POST', path: '/api/v1/registry/beat', handle: () => ({ status: 204 }) });
      routes.add({ method: 'DELETE', path: '/api/v1/registry/:source', handle: () => ({ status: 204 }) });
      routes.add({
        method: 'GET',
        path: '/api/v1/registry/broken',
        handle: () => {
          throw new Error('the inside story: hunter2');
        },
      });
    });
    test.catalog.set(aCatalogService('a.nacos'));
  });
  beforeEach(() => {
    handled = [];
  });
  after(() => test.api.stop());

  for (const target of [
    '/api/..;/v1/services',
    '/api/v1/..;/v1/services',
    '/api/v1/../v1/services',
    '/api/v1/./services',
    '/api/%2e%2e/api/v1/services',
    '/api/v1/%2E%2E/v1/services',
    '/api%2fv1%2fservices',
    '/api/v1%2Fservices',
    '/api/v1/services%5ca.nacos',
    '/api\\v1\\services',
    '/api/v1/services/',
    '/api//v1/services',
    '//api/v1/services',
    '/API/v1/services',
    '/api/v1/Services',
    '/api/v1/services;a=b',
    '/api/v1/services%00',
    '/api/v1/services%0d%0aX:1',
    '/api/v1/services/%zz',
    '/api/v1/services/%252e%252e',
    '/api/v1/services/__proto__',
    '/api/v1/sources/constructor',
    'http://169.254.169.254/api/v1/services',
    '*',
    `/api/v1/services/${'a'.repeat(2000)}`,
    `/api/v1/services/${'%61'.repeat(500)}`,
  ]) {
    it(`has nothing at ${target.slice(0, 50)}`, async () => {
      const status = await statusOf(test.port, `GET ${target}`);
      assert.ok([400, 404, 414].includes(status), `got ${status}`);
    });
  }

  it('answers the plain paths beside them', async () => {
    assert.equal(await statusOf(test.port, 'GET /api/v1/services'), 200);
    assert.equal(await statusOf(test.port, 'GET /api/v1/services/a.nacos'), 200);
    assert.equal(await statusOf(test.port, 'HEAD /healthz'), 200);
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'HEAD', 'PROPFIND']) {
    it(`knows no ${method} of services`, async () => {
      const status = await statusOf(test.port, `${method} /api/v1/services`);
      assert.ok([400, 404, 405].includes(status), `got ${status}`);
    });
  }

  for (const header of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']) {
    it(`does not let ${header} change the method`, async () => {
      const status = await statusOf(test.port, 'GET /api/v1/registry/a', `${header}: DELETE\r\n`);
      assert.equal(status, 400);
    });
  }

  const put = `${'/api/v1/registry/api/instances/one'}`;
  const send = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    http(`${test.url}${put}`, { method: 'PUT', headers, body });

  it('takes JSON, and hands it on', async () => {
    assert.equal((await send('{"port":1}', { 'content-type': 'application/json; charset=utf-8' })).status, 200);
    assert.deepEqual(handled, [{ source: 'api', id: 'one', body: { port: 1 } }]);
  });

  for (const [what, contentType] of [
    ['no content type', undefined],
    ['a form', 'application/x-www-form-urlencoded'],
    ['text', 'text/plain'],
    ['a form with files', 'multipart/form-data; boundary=x'],
    ['text that mentions JSON', 'text/plain; application/json'],
    ['nonsense', 'json'],
  ] as const) {
    it(`takes no body with ${what}: a page of another site could send it`, async () => {
      const { status, body } = await send(
        '{"port":1}',
        contentType === undefined ? {} : { 'content-type': contentType },
      );
      assert.equal(status, 415);
      assert.equal((JSON.parse(body) as { status: number }).status, 415);
      assert.deepEqual(handled, []);
    });
  }

  it('takes no POST without a content type even when it has no body', async () => {
    const url = `${test.url}/api/v1/registry/beat`;
    assert.equal((await http(url, { method: 'POST' })).status, 415);
    assert.equal((await http(url, { method: 'POST', headers: { 'content-type': 'application/json' } })).status, 204);
  });

  it('takes no write that a browser says is from another site', async () => {
    const json = { 'content-type': 'application/json' };
    assert.equal((await send('{}', { ...json, origin: 'https://evil.example' })).status, 403);
    assert.equal((await send('{}', { ...json, origin: 'null' })).status, 403);
    assert.equal((await send('{}', { ...json, 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal((await send('{}', { ...json, 'sec-fetch-site': 'same-site' })).status, 403);
    assert.equal((await send('{}', { ...json, origin: test.url, 'sec-fetch-site': 'same-origin' })).status, 200);
    assert.equal(handled.length, 1);
  });

  for (const [what, body] of [
    ['what is no JSON', '{"a":'],
    ['__proto__', '{"__proto__":{"isAdmin":true}}'],
    ['__proto__ within', '{"a":[{"\\u005f_proto__":1}]}'],
    ['constructor', '{"constructor":{"prototype":{"x":1}}}'],
    ['depth', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['depth behind a string', `{"a":"\\"","b":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`],
  ] as const) {
    it(`refuses a body with ${what}`, async () => {
      const answer = await send(body);
      assert.equal(answer.status, 400);
      assert.deepEqual(handled, []);
      assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
    });
  }

  it('refuses a body of more than 1 MiB', async () => {
    assert.equal((await send(JSON.stringify('x'.repeat(1024 * 1024)))).status, 413);
    assert.deepEqual(handled, []);
  });

  it('refuses a body without end, as soon as it is too large', async () => {
    const head = `PUT ${put} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    assert.match(await raw(test.port, head + chunk.repeat(17), 3000), /^HTTP\/1\.1 413 /);
  });

  it('refuses two lengths and a length beside chunks', async () => {
    const smuggled = (headers: string) =>
      raw(test.port, `PUT ${put} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}\r\n{}`);
    assert.match(await smuggled('Content-Length: 2\r\nContent-Length: 3\r\n'), /^HTTP\/1\.1 400 /);
    assert.match(await smuggled('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n'), /^HTTP\/1\.1 400 /);
  });

  it('answers what is no HTTP with a problem', async () => {
    const answer = await raw(test.port, 'HELLO\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(answer, /application\/problem\+json/);
    assert.match(
      await raw(test.port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
      /^HTTP\/1\.1 431 /,
    );
  });

  it('tells nothing of the inside when a handler fails, and logs it once', async () => {
    for (let index = 0; index < 5; index++) {
      const { status, body } = await http(`${test.url}/api/v1/registry/broken`);
      assert.equal(status, 500);
      assert.deepEqual(JSON.parse(body), { type: 'about:blank', title: 'Internal Server Error', status: 500 });
    }
    assert.equal(test.logged.filter((line) => line.includes('inside story')).length, 1);
  });
});

describe('who may ask the REST API', () => {
  let test: TestApi | undefined;
  afterEach(() => test?.api.stop());

  const hostStatus = async (port: number, host: string) => {
    const answer = await raw(port, `GET /api/v1/sources HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
  };

  it('on loopback is asked by loopback names alone: no name of another site leads here', async () => {
    test = await startApi({ allowedHosts: ['isthmus.internal'] });
    for (const host of [
      'localhost',
      'LOCALHOST:80',
      '127.0.0.1:8080',
      '127.1.2.3',
      '[::1]:1',
      'isthmus.internal:8080',
    ]) {
      assert.equal(await hostStatus(test.port, host), 200, host);
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'localhost@evil.example',
      '0.0.0.0',
      '[::ffff:127.0.0.1]',
      '10.0.0.1',
      'localhost:80:80',
      'isthmus.internal.evil',
    ]) {
      assert.equal(await hostStatus(test.port, host), 403, host);
    }
    assert.match(await raw(test.port, 'GET /api/v1/sources HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 403 /);
  });

  it('elsewhere is asked by any name, unless some are listed', async () => {
    test = await startApi({ listen: { host: '0.0.0.0', port: 0 } });
    assert.equal(await hostStatus(test.port, 'anything.example'), 200);
    await test.api.stop();
    test = await startApi({ listen: { host: '0.0.0.0', port: 0 }, allowedHosts: ['isthmus.internal'] });
    assert.equal(await hostStatus(test.port, 'anything.example'), 403);
    assert.equal(await hostStatus(test.port, 'isthmus.internal'), 200);
  });

  it('needs the token for everything but health', async () => {
    test = await startApi({ token: new Secret('s3cret-token') });
    const { url } = test;
    const status = async (path: string, authorization?: string, extra: Record<string, string> = {}) =>
      (
        await http(`${url}${path}`, {
          headers: { ...extra, ...(authorization === undefined ? {} : { authorization }) },
        })
      ).status;
    for (const path of ['/healthz', '/readyz']) assert.equal(await status(path), 200);
    for (const path of [
      '/metrics',
      '/api/v1/sources',
      '/api/v1/services',
      '/api/v1/services?watch=true',
      '/none',
      '/healthz/x',
    ]) {
      assert.equal(await status(path), 401, path);
    }
    for (const wrong of [
      'Bearer',
      'Bearer s3cret',
      'Bearer s3cret-token2',
      'Basic s3cret-token',
      's3cret-token',
      'Bearer s3cret-token x',
    ]) {
      assert.equal(await status('/api/v1/sources', wrong), 401, wrong);
    }
    assert.equal(await status('/api/v1/sources', 'Bearer s3cret-token'), 200);
    // What a proxy may claim of a caller has no say.
    const claims = {
      'x-forwarded-for': '127.0.0.1',
      'x-real-ip': '127.0.0.1',
      'user-agent': 'Nacos-Server',
      'x-original-url': '/healthz',
    };
    assert.equal(await status('/api/v1/sources', undefined, claims), 401);
    assert.equal(await status('/api/v1/sources?/healthz'), 401);
  });

  it('says how to come in', async () => {
    test = await startApi({ token: new Secret('s3cret-token') });
    const answer = await raw(test.port, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    assert.match(answer, /www-authenticate: Bearer\r\n/i);
    assert.doesNotMatch(answer, /s3cret/);
  });
});

describe('slow and many clients of the REST API', () => {
  let test: TestApi | undefined;
  afterEach(() => test?.api.stop());

  for (const [part, text, limits] of [
    ['head', 'GET /healthz HTTP/1.1\r\nHost: loc', { headersTimeoutMs: 1000, requestTimeoutMs: 60_000 }],
    [
      'body',
      'PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
      { headersTimeoutMs: 1000, requestTimeoutMs: 1000 },
    ],
  ] as const) {
    it(`drops who does not come to the end of the ${part}, and serves the others meanwhile`, async () => {
      test = await startApi(limits);
      const { port, url } = test;
      const slow = Array.from({ length: 300 }, () => {
        const socket = connect(port, '127.0.0.1')
          .on('error', () => undefined)
          .resume();
        socket.write(text);
        return socket;
      });
      try {
        assert.equal((await http(`${url}/healthz`)).status, 200);
        const what = 'the slow to be dropped';
        await poll(() => slow.every((socket) => socket.closed), { what, timeoutMs: 15_000 });
        assert.equal((await http(`${url}/healthz`)).status, 200);
      } finally {
        for (const socket of slow) socket.destroy();
      }
    });
  }

  it('takes a bounded number of connections', async () => {
    test = await startApi({ maxConnections: 10, headersTimeoutMs: 60_000, requestTimeoutMs: 60_000 });
    const { port, url } = test;
    const sockets = Array.from({ length: 50 }, () =>
      connect(port, '127.0.0.1')
        .on('error', () => undefined)
        .resume(),
    );
    await poll(() => sockets.filter((socket) => socket.closed).length >= 40, { what: 'the surplus to be dropped' });
    for (const socket of sockets) socket.destroy();
    await poll(async () => (await http(`${url}/healthz`)).status === 200, { what: 'room again' });
  });

  it('gives up a handler that takes too long, and tells it', async () => {
    let reason: unknown;
    test = await startApi({ handlerTimeoutMs: 50 }, ({ routes }) =>
      routes.add({
        method: 'GET',
        path: '/api/v1/registry/slow',
        handle: ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              reason = signal.reason;
              reject(signal.reason);
            });
          }),
      }),
    );
    assert.equal((await http(`${test.url}/api/v1/registry/slow`)).status, 503);
    assert.ok(reason instanceof HttpProblem);
  });
});
