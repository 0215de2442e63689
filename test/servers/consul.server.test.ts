import assert from 'node:assert/strict';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { assertGone } from './assert-gone.js';
import { type ConsulServer, startConsul } from './consul.js';

describe('a real Consul', function () {
  this.timeout(120_000);
  let server: ConsulServer;

  before(async () => {
    server = await startConsul();
  });
  after(() => server?.stop());

  const put = (path: string, body: object, headers = {}) =>
    http(`${server.url}${path}`, { method: 'PUT', body: JSON.stringify(body), headers });
  const services = async () => {
    const { body } = await http(`${server.url}/v1/catalog/services`);
    return Object.keys(JSON.parse(body) as object).sort();
  };

  it('keeps its data over a restart on the same port, and loses it when told to', async () => {
    const written = await put('/v1/catalog/register', {
      Node: 'legacy',
      Address: '10.0.0.1',
      Service: { Service: 'orders', Port: 8080 },
    });
    assert.equal(written.status, 200, written.body);
    const { port } = server;
    await server.restart();
    assert.equal(server.port, port);
    await poll(async () => (await services()).includes('orders'));
    await server.restart({ keepData: false });
    assert.deepEqual(await services(), ['consul']);
  });

  it('does not answer while it is paused', async () => {
    await server.pause();
    await assert.rejects(http(`${server.url}/v1/status/leader`, { timeoutMs: 500 }));
    server.resume();
    assert.equal((await http(`${server.url}/v1/status/leader`)).status, 200);
  });

  it('is stopped with no process left', async () => {
    const { pid } = server;
    await server.stop();
    assertGone(pid);
    await server.start();
  });

  it('denies a caller without a token when it has ACLs', async () => {
    const closed = await startConsul({ acl: true });
    try {
      const anonymous = await http(`${closed.url}/v1/catalog/services`);
      assert.deepEqual([anonymous.status, anonymous.body], [200, '{}']);
      const headers = { 'x-consul-token': closed.managementToken ?? '' };
      const manager = await http(`${closed.url}/v1/catalog/services`, { headers });
      assert.match(manager.body, /"consul"/);
    } finally {
      await closed.stop();
    }
  });

  it('federates with another datacenter', async () => {
    const other = await startConsul({ datacenter: 'dc2', joinWan: server });
    try {
      const seen = await poll(async () => {
        const { status, body } = await http(`${server.url}/v1/catalog/services?dc=dc2`);
        return status === 200 && body;
      });
      assert.match(seen, /"consul"/);
    } finally {
      await other.stop();
    }
  });
});
