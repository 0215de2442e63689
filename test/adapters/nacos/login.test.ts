import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import { NacosHttp } from '../../../adapters/nacos/http-client.js';
import { NacosLogin } from '../../../adapters/nacos/login.js';
import { nacosMetrics } from '../../../adapters/nacos/metrics.js';
import { NacosError } from '../../../adapters/nacos/nacos-error.js';
import { parseServer } from '../../../adapters/nacos/server.js';
import { Secret } from '../../../core/plugin/index.js';
import { ManualClock } from '../../../testkit/index.js';

const password = 'a-very-secret-password';
const backoff = { baseMs: 500, maxMs: 15_000 };

describe('adapters/nacos login', () => {
  let server: Server;
  let http: NacosHttp;
  let clock: ManualClock;
  const abort = new AbortController();
  /** Paths asked for, with the form. */
  let asked: string[];
  let answer: (path: string) => { status: number; body: string };

  beforeEach(async () => {
    asked = [];
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        asked.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`);
        const { status, body } = answer(request.url ?? '');
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    http = new NacosHttp({
      servers: [parseServer(`http://127.0.0.1:${address.port}`, 1000)],
      tls: undefined,
      timeoutMs: 10_000,
      metrics: nacosMetrics(new Registry(), 'a'),
    });
    clock = new ManualClock();
    answer = () => ({ status: 200, body: JSON.stringify({ accessToken: `t${asked.length}`, tokenTtl: 100 }) });
  });

  afterEach(async () => {
    await http.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const login = (username: string | undefined = 'isthmus') =>
    new NacosLogin({
      http,
      clock,
      backoff,
      username,
      password: new Secret(password),
      signal: abort.signal,
      random: () => 0.5,
    });

  it('asks once for all, and again at four fifths of the life of the token', async () => {
    const it = login();
    assert.deepEqual(await Promise.all([it.token(), it.token()]), ['t1', 't1']);
    assert.deepEqual(asked, [`POST /nacos/v3/auth/user/login username=isthmus&password=${password}`]);
    await clock.advance(79_000);
    assert.equal(await it.token(), 't1');
    await clock.advance(2000);
    assert.equal(await it.token(), 't2');
  });

  it('goes on with the token it has while no new one is given, until that is over', async () => {
    const it = login();
    await it.token();
    answer = () => ({ status: 500, body: '' });
    await clock.advance(90_000);
    assert.equal(await it.token(), 't1');
    await clock.advance(20_000);
    await assert.rejects(it.token(), NacosError);
  });

  it('asks no more than a back-off allows while logins fail, and then again', async () => {
    const it = login();
    const good = answer;
    await it.token();
    answer = () => ({ status: 403, body: '{}' });
    await clock.advance(90_000);
    for (let index = 0; index < 20; index++) assert.equal(await it.token(), 't1');
    assert.equal(asked.length, 2);
    await clock.advance(20_000);
    for (let index = 0; index < 20; index++) await assert.rejects(it.token(), /cannot log in as/);
    assert.equal(asked.length, 3);
    answer = good;
    await clock.advance(1000);
    assert.equal(await it.token(), 't4');
  });

  it('falls back to the path of 2.x', async () => {
    const good = answer;
    answer = (path) => (path.startsWith('/nacos/v3/') ? { status: 404, body: '{}' } : good(path));
    assert.equal(await login().token(), 't2');
    assert.match(asked[1] ?? '', /^POST \/nacos\/v1\/auth\/login /);
  });

  it('repeats a refused request once with a new token, unless the token is too new to be at fault', async () => {
    const it = login();
    const used: (string | undefined)[] = [];
    const refused = async (token: string | undefined): Promise<never> => {
      used.push(token);
      throw new NacosError('token invalid!', 403);
    };
    await assert.rejects(it.authorized(refused), /token invalid/);
    assert.deepEqual(used, ['t1']);
    await clock.advance(30_000);
    await assert.rejects(it.authorized(refused), /token invalid/);
    assert.deepEqual(used, ['t1', 't1', 't2']);
  });

  it('says whom the server refused, and never the password', async () => {
    answer = () => ({ status: 403, body: JSON.stringify({ message: 'unknown user!' }) });
    await assert.rejects(login().token(), (error: Error) => {
      assert.match(
        error.message,
        /cannot log in as "isthmus": .*403 unknown user!; are user name and password right\?/,
      );
      assert.ok(!JSON.stringify({ ...error, message: error.message, stack: error.stack }).includes(password));
      return true;
    });
  });

  it('needs no token without a user', async () => {
    const it = new NacosLogin({ http, clock, backoff, username: undefined, password: undefined, signal: abort.signal });
    assert.equal(await it.token(), undefined);
    assert.deepEqual(asked, []);
  });

  it('takes no answer for a token that is none', async () => {
    for (const body of ['', '[]', '{"accessToken":5}', '{"accessToken":""}']) {
      answer = () => ({ status: 200, body });
      await assert.rejects(login().token(), NacosError);
    }
  });
});
