import assert from 'node:assert/strict';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { assertGone } from './assert-gone.js';
import { basicAuthHeader, type EurekaServer, startEureka, startEurekaPeers } from './eureka.js';

async function register({ url }: EurekaServer, application: string, durationInSecs: number): Promise<void> {
  const instance = {
    instanceId: `${application}-1`,
    hostName: '10.0.0.1',
    app: application,
    ipAddr: '10.0.0.1',
    status: 'UP',
    port: { $: 8080, '@enabled': 'true' },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: 1, durationInSecs },
  };
  const { status } = await http(`${url}/apps/${application}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instance }),
  });
  assert.equal(status, 204);
}

async function isListed({ url }: EurekaServer, application: string): Promise<boolean> {
  const { body } = await http(`${url}/apps`, { headers: { accept: 'application/json' } });
  return body.includes(`"${application}"`);
}

describe('a real Eureka', function () {
  this.timeout(180_000);
  let server: EurekaServer;

  before(async () => {
    server = await startEureka();
  });
  after(() => server?.stop());

  it('evicts within seconds what does not renew its lease', async () => {
    await register(server, 'BRIEF', 1);
    await poll(() => isListed(server, 'BRIEF'));
    await poll(async () => !(await isListed(server, 'BRIEF')));
  });

  it('has lost everything after a restart on the same port', async () => {
    await register(server, 'ORDERS', 600);
    await poll(() => isListed(server, 'ORDERS'));
    const { pid, port } = server;
    await server.restart();
    assertGone(pid);
    assert.equal(server.port, port);
    assert.equal(await isListed(server, 'ORDERS'), false);
  });

  it('is stopped with no process left', async () => {
    const { pid } = server;
    await server.stop();
    assertGone(pid);
  });

  it('asks for a user and password when told to', async () => {
    const basicAuth = { user: 'bridge', password: 'secret' };
    const closed = await startEureka({ basicAuth });
    try {
      assert.equal((await http(`${closed.url}/apps`)).status, 401);
      const headers = basicAuthHeader(basicAuth);
      assert.equal((await http(`${closed.url}/apps`, { headers })).status, 200);
    } finally {
      await closed.stop();
    }
  });

  it('replicates to its peer', async () => {
    const peers = await startEurekaPeers();
    try {
      const [first, second] = peers as [EurekaServer, EurekaServer];
      await register(first, 'ORDERS', 600);
      await poll(() => isListed(second, 'ORDERS'), { timeoutMs: 60_000 });
    } finally {
      await Promise.all(peers.map((peer) => peer.stop()));
    }
  });
});
