import assert from 'node:assert/strict';
import { type HttpOptions, type HttpResponse, http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { assertGone } from './assert-gone.js';
import type { NacosOptions, NacosServer } from './nacos.js';
import { startNacos2 } from './nacos2.js';
import { startNacos3 } from './nacos3.js';

interface Case {
  readonly title: string;
  start(options?: NacosOptions): Promise<NacosServer>;
  readonly instances: string;
  /** Lists a service as a client does. */
  readonly list: string;
  readonly login: string;
}

const cases: readonly Case[] = [
  {
    title: 'a real Nacos 2.3.2',
    start: startNacos2,
    instances: '/v1/ns/instance',
    list: '/v1/ns/instance/list',
    login: '/v1/auth/users/login',
  },
  {
    title: 'a real Nacos 3.1.0',
    start: startNacos3,
    instances: '/v3/client/ns/instance',
    list: '/v3/client/ns/instance/list',
    login: '/v3/auth/user/login',
  },
];

for (const { title, start, instances, list, login } of cases) {
  describe(title, function () {
    this.timeout(240_000);
    let server: NacosServer;

    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    const call = (to: NacosServer, path: string, query: Record<string, string>, options?: HttpOptions) =>
      http(`${to.url}${path}?${new URLSearchParams(query)}`, options);
    const register = (to: NacosServer, ephemeral: boolean): Promise<HttpResponse> =>
      call(
        to,
        instances,
        { serviceName: 'orders', ip: '10.0.0.1', port: '8080', ephemeral: `${ephemeral}` },
        { method: 'POST' },
      );
    const isListed = async (to: NacosServer) =>
      (await call(to, list, { serviceName: 'orders' })).body.includes('10.0.0.1');

    it('keeps persistent instances over a restart on the same ports, and loses them when told to', async () => {
      // Its Raft group may still be electing itself.
      await poll(async () => (await register(server, false)).status === 200);
      await poll(() => isListed(server));
      const { pid, port } = server;
      await server.restart();
      assertGone(pid);
      assert.equal(server.port, port);
      await poll(() => isListed(server));
      await server.restart({ keepData: false });
      assert.equal(await isListed(server), false);
    });

    it('is stopped with no process left', async () => {
      const { pid } = server;
      await server.stop();
      assertGone(pid);
    });

    it('asks for a login when told to', async () => {
      const auth = { user: 'nacos', password: 'secret-1' };
      const closed = await start({ auth });
      try {
        assert.equal((await register(closed, true)).status, 403);
        const form = new URLSearchParams({ username: auth.user, password: auth.password }).toString();
        const headers = { 'content-type': 'application/x-www-form-urlencoded' };
        const answer = await http(`${closed.url}${login}`, { method: 'POST', headers, body: form });
        const { accessToken } = JSON.parse(answer.body) as { accessToken: string };
        const read = await call(closed, list, { serviceName: 'orders' }, { headers: { accessToken } });
        assert.equal(read.status, 200);
      } finally {
        await closed.stop();
      }
    });
  });
}
