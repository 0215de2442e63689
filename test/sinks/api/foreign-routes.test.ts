import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { request } from 'undici';
import { Secret } from '../../../core/config/secret.js';
import type { HttpRoute } from '../../../core/plugin/index.js';
import { http } from '../../support/http.js';
import { startApi, type TestApi } from './api.js';

const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

describe("routes of another registry's interface", () => {
  let test: TestApi | undefined;
  let handled: unknown[] = [];
  afterEach(() => test?.api.stop());

  const route = (path: string, more: Partial<HttpRoute> = {}): HttpRoute => ({
    method: 'POST',
    path,
    foreign: true,
    handle: ({ body, accept }) => {
      handled.push(body);
      return { status: 200, json: `{"accept":${JSON.stringify(accept)}}` };
    },
    ...more,
  });
  const start = async (token?: string) => {
    handled = [];
    test = await startApi(token === undefined ? {} : { token: new Secret(token) }, ({ routes }) => {
      routes.add(route('/eureka/apps/:app'));
      routes.add(route('/eureka/apps/', { method: 'GET' }));
    });
    return test;
  };
  const send = async (body: Buffer | string, headers: Record<string, string> = {}) => {
    const url = `${test?.url}/eureka/apps/A`;
    const all = { 'content-type': 'application/json', accept: 'application/json', ...headers };
    const response = await request(url, { method: 'POST', body, headers: all, reset: true });
    return { status: response.statusCode, body: await response.body.text() };
  };

  it('have paths of their own, also with a slash at the end', async () => {
    const { url } = await start();
    assert.deepEqual(await send('{"a":1}'), { status: 200, body: '{"accept":"application/json"}' });
    assert.equal((await http(`${url}/eureka/apps/`)).status, 200);
    assert.equal((await http(`${url}/eureka/apps`)).status, 404);
    assert.equal((await http(`${url}/eureka/..;/apps/`)).status, 400);
  });

  it('cannot take the paths of the API, nor those of another plug-in', async () => {
    await startApi({}, ({ routes }) => {
      for (const path of ['/api/v2/x', '/metrics/x', '/healthz', '/', '//x', '/eureka/*', '/Eureka/x', '/ui/x']) {
        assert.throws(() => routes.add(route(path)), /no path of another/, path);
      }
      routes.add(route('/eureka/apps'));
      assert.throws(() => routes.add(route('/eureka/apps')), /two sources claim POST \/eureka\/apps/);
    }).then(({ api }) => api.stop());
  });

  it('take the token as a bearer or as the password of basic authentication; the API takes a bearer alone', async () => {
    const { url } = await start('s3cret:with:colons');
    const get = async (path: string, authorization?: string) =>
      (await http(`${url}${path}`, { headers: authorization === undefined ? {} : { authorization } })).status;
    assert.equal(await get('/eureka/apps/'), 401);
    for (const right of [
      'Bearer s3cret:with:colons',
      basic('any', 's3cret:with:colons'),
      basic('', 's3cret:with:colons'),
    ]) {
      assert.equal(await get('/eureka/apps/', right), 200, right);
    }
    for (const wrong of [
      basic('s3cret:with:colons', ''),
      basic('any', 's3cret'),
      'Basic !!!',
      'Basic ',
      'Basic czNjcmV0',
      `${basic('any', 's3cret:with:colons')} x`,
    ]) {
      assert.equal(await get('/eureka/apps/', wrong), 401, wrong);
    }
    for (const path of ['/api/v1/sources', '/metrics', '/eurekax', '/?/eureka/apps/', '/eureka.x/apps']) {
      assert.equal(await get(path, basic('any', 's3cret:with:colons')), 401, path);
    }
    const { headers } = await request(`${url}/eureka/apps/`, { reset: true });
    assert.equal(headers['www-authenticate'], 'Bearer', 'no browser is asked for a password');
  });

  it('take bodies packed with gzip, of bounded size in both forms', async () => {
    await start();
    const gzip = { 'content-encoding': 'gzip' };
    assert.equal((await send(gzipSync('{"a":[1,2]}'), gzip)).status, 200);
    assert.deepEqual(handled, [{ a: [1, 2] }]);
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024, ' '), { level: 9 });
    assert.equal((await send(bomb, gzip)).status, 413);
    assert.equal((await send('{"a":1}', gzip)).status, 400);
    assert.equal((await send(gzipSync('{"a":1}').subarray(0, -6), gzip)).status, 400);
    assert.equal((await send('{"a":1}', { 'content-encoding': 'br' })).status, 415);
    assert.equal((await send(gzipSync(`${'['.repeat(10_000)}`), gzip)).status, 400);
    assert.equal((await send(gzipSync('{"__proto__":1}'), gzip)).status, 400);
    assert.equal(handled.length, 1);
  });

  it('are closed to pages of other sites as all writes are', async () => {
    await start();
    assert.equal((await send('{}', { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await send('{}', { origin: 'https://evil.example' })).status, 403);
    assert.equal((await send('{}', { host: 'evil.example' })).status, 403);
    assert.deepEqual(handled, []);
  });
});
