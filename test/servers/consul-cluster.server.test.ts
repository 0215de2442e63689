import assert from 'node:assert/strict';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import type { ConsulServer } from './consul.js';
import { type ConsulCluster, startConsulCluster } from './consul-cluster.js';

describe('a real Consul of three servers', function () {
  this.timeout(180_000);
  let cluster: ConsulCluster;

  before(async () => {
    cluster = await startConsulCluster();
  });
  after(() => cluster?.stop());

  const register = (server: ConsulServer, name: string) =>
    http(`${server.url}/v1/catalog/register`, {
      method: 'PUT',
      body: JSON.stringify({ Node: 'legacy', Address: '10.0.0.1', Service: { Service: name, Port: 8080 } }),
    });
  const sees = (server: ConsulServer, name: string) =>
    poll(async () => (await http(`${server.url}/v1/catalog/services`)).body.includes(`"${name}"`), {
      timeoutMs: 60_000,
      what: `${server.name} to see ${name}`,
    });

  it('has one leader, and each server answers for all', async () => {
    const leader = await cluster.leader();
    const followers = await cluster.followers();
    assert.equal(followers.length, 2);
    assert.ok(!followers.includes(leader));
    for (const [index, server] of cluster.servers.entries()) {
      const { status, body } = await register(server, `by-${index}`);
      assert.equal(status, 200, body);
    }
    for (const server of cluster.servers) await sees(server, 'by-0');
  });

  it('elects another leader when one is killed, and takes the killed one back', async () => {
    const killed = await cluster.leader();
    await killed.kill();
    const next = await cluster.leader();
    assert.notEqual(next, killed);
    await poll(async () => (await register(next, 'after')).status === 200);
    await killed.start();
    await sees(killed, 'after');
  });

  it('fills a server anew that has lost its data', async () => {
    const [follower = assert.fail()] = await cluster.followers();
    await follower.restart({ keepData: false });
    await sees(follower, 'after');
  });

  it('does not answer without a majority', async () => {
    const leader = await cluster.leader();
    const others = await cluster.followers();
    for (const server of others) await server.kill();
    // It waits for a leader for 7 s before it says that there is none.
    const nodes = () => http(`${leader.url}/v1/catalog/nodes`, { timeoutMs: 30_000 });
    await poll(async () => (await nodes()).status === 500, {
      timeoutMs: 60_000,
      what: 'the last server to say that it has no leader',
    });
    await Promise.all(others.map((server) => server.start()));
    await sees(leader, 'after');
  });
});
