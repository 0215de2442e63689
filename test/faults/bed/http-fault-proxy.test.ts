import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { activeResources, assertNoLeaks } from '../../../testkit/index.js';
import { http } from '../../support/http.js';
import { HttpFaultProxy } from './http-fault-proxy.js';

describe('the proxy of wrong answers', () => {
  let server: Server;
  let proxy: HttpFaultProxy;
  let answer: (() => void) | undefined;

  beforeEach(async () => {
    answer = undefined;
    server = createServer((request, response) => {
      answer = () => response.writeHead(200, { 'x-index': '7' }).end(`[${request.url}]`);
      if (!request.url?.startsWith('/slow')) answer();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = await HttpFaultProxy.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    await proxy.close();
    server.closeAllConnections();
    server.close();
  });

  const ask = (path: string) => http(`http://${proxy.address}${path}`);

  it('passes an answer on as it is', async () => {
    assert.deepEqual(await ask('/v1/x?a=b'), { status: 200, body: '[/v1/x?a=b]' });
  });

  it('answers with a status, or by path with something empty', async () => {
    proxy.fault = { kind: 'status', status: 429, body: 'not now' };
    assert.deepEqual(await ask('/x'), { status: 429, body: 'not now' });
    proxy.fault = { kind: 'empty', answer: (path) => (path === '/list' ? { body: '[]' } : undefined) };
    assert.deepEqual(await ask('/list'), { status: 200, body: '[]' });
    assert.equal((await ask('/other')).body, '[/other]');
  });

  it('breaks an answer off in its middle', async () => {
    proxy.fault = { kind: 'truncate' };
    await assert.rejects(ask('/something-long'));
  });

  it('changes the body of an answer', async () => {
    proxy.fault = { kind: 'rewrite', body: (body) => body.replace('x', 'y') };
    assert.equal((await ask('/x')).body, '[/y]');
  });

  it('gives a request that waited the answer of the fault that came meanwhile', async () => {
    const waiting = ask('/slow');
    while (answer === undefined) await new Promise(setImmediate);
    proxy.fault = { kind: 'status', status: 503, body: '' };
    answer();
    assert.equal((await waiting).status, 503);
  });

  it('leaves nothing open when it is closed', async () => {
    const before = await activeResources();
    const other = await HttpFaultProxy.start('http://127.0.0.1:1');
    await assert.rejects(http(`http://${other.address}/`));
    await other.close();
    await assertNoLeaks(before);
  });
});
