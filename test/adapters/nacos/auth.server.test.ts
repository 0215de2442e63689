import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'mocha';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import type { NacosServer } from '../../servers/nacos.js';
import { startNacos2 } from '../../servers/nacos2.js';
import { startNacos3 } from '../../servers/nacos3.js';
import { http } from '../../support/http.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { poll } from '../../support/poll.js';
import { makeSource } from './make-source.js';

const auth = { user: 'nacos', password: 'the-administrator-of-tests' };
/** Tokens that end within the test, and changes that show at once. */
const config = {
  'nacos.naming.push.pushTaskDelay': 20,
  'nacos.core.auth.plugin.nacos.token.expire.seconds': 4,
};
const key = (service: string, namespace = 'public') => `${namespace}@@DEFAULT_GROUP@@${service}`;

const versions = [
  {
    version: '2.3.2',
    start: startNacos2,
    login: '/v1/auth/login',
    probe: '/v1/ns/instance/list?serviceName=probe',
  },
  {
    version: '3.1.0',
    start: startNacos3,
    login: '/v3/auth/user/login',
    probe: '/v3/client/ns/instance/list?serviceName=probe',
  },
];

for (const { version, start, login, probe } of versions) {
  describe(`adapters/nacos with Nacos ${version} that asks for a login`, function () {
    this.timeout(180_000);
    let server: NacosServer;
    const runs: SourceRun[] = [];

    before(async () => {
      server = await start({ auth, config });
    });

    afterEach(async () => {
      for (const run of runs.splice(0)) await run.stop();
    });

    after(() => server?.stop());

    const run = (own: Readonly<Record<string, unknown>>): Recorder => {
      const started = new SourceRun(makeSource({ servers: [`http://${server.address}`], ...own }));
      runs.push(started);
      return started.recorder;
    };

    const connectWriter = () =>
      NacosWriter.connect({ grpcPort: server.grpcPort, accessToken: () => logIn(server, login) });

    it('logs in, and goes on when the token is over', async () => {
      const writer = await connectWriter();
      try {
        await writer.setVisibly({ service: 'before' }, [{ ip: '10.0.0.1', port: 80 }]);
        const recorder = run({ namespaces: ['public'], username: auth.user, password: auth.password });
        await recorder.waitFor(({ services }) => services.has(key('before')), { deadlineMs: 30_000 });
        // A token given later than the first one of the source: when it is over, so is that.
        const accessToken = await logIn(server, login);
        await poll(async () => (await http(`${server.url}${probe}`, { headers: { accessToken } })).status === 403, {
          what: 'the token to be over',
        });
        await writer.set({ service: 'after' }, [{ ip: '10.0.0.2', port: 80 }]);
        await recorder.waitFor(({ services }) => services.get(key('after'))?.instances.length === 1, {
          what: 'a service that came after the token was over',
          deadlineMs: 30_000,
        });
        assert.deepEqual([...recorder.degradedScopes], []);
      } finally {
        writer.close();
      }
    });

    if (version === '2.3.2') {
      it('logs in to the HTTP API of 1.x, and goes on when the token is over', async () => {
        const writer = await connectWriter();
        try {
          await writer.setVisibly({ service: 'polled' }, [{ ip: '10.0.0.1', port: 80 }]);
          const own = { namespaces: ['public'], username: auth.user, password: auth.password };
          const recorder = run({ ...own, mode: 'http', pollIntervalMs: 200 });
          await recorder.waitFor(({ services }) => services.has(key('polled')), { deadlineMs: 30_000 });
          const accessToken = await logIn(server, login);
          await poll(async () => (await http(`${server.url}${probe}`, { headers: { accessToken } })).status === 403, {
            what: 'the token to be over',
          });
          await writer.set({ service: 'polled' }, [{ ip: '10.0.0.2', port: 80 }]);
          const address = () => recorder.services.get(key('polled'))?.instances[0]?.address;
          await recorder.waitFor(() => address() === '10.0.0.2', { what: 'the change', deadlineMs: 30_000 });
        } finally {
          writer.close();
        }
      });
    }

    it('says that the password is wrong, without telling it', async () => {
      const recorder = run({ namespaces: ['public'], username: auth.user, password: 'not-the-password' });
      await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'), { deadlineMs: 30_000 });
      const message = recorder.degradedScopes.get('public')?.message ?? '';
      assert.match(message, /cannot log in as "nacos".*are user name and password right\?/);
      assert.doesNotMatch(message, /not-the-password/);
      assert.equal(recorder.synced, false);
    });

    it('says that it is refused without a login', async () => {
      const recorder = run({ namespaces: ['public'] });
      await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'), { deadlineMs: 30_000 });
      assert.match(recorder.degradedScopes.get('public')?.message ?? '', /403.*allowed to read the namespace "public"/);
      assert.equal(recorder.synced, false);
    });

    it('reads what it may while a namespace is refused, and all of it once it is allowed', async () => {
      await allow(server, login, 'public');
      const writer = await connectWriter();
      try {
        await writer.setVisibly({ service: 'seen' }, [{ ip: '10.0.0.3', port: 80 }]);
        await writer.setVisibly({ service: 'unseen', namespace: 'gray' }, [{ ip: '10.0.0.4', port: 80 }]);
        const recorder = run({ namespaces: ['public', 'gray'], username: 'reader', password: 'may-read-a-part' });
        // Nacos reads its users and roles every 15 s; until then the login itself is refused.
        await recorder.waitFor(
          ({ services, degradedScopes }) => services.has(key('seen')) && [...degradedScopes.keys()].join() === 'gray',
          { what: 'the namespace that may be read', deadlineMs: 60_000 },
        );
        assert.equal(recorder.synced, false, 'a part was published as the whole');
        await writer.setVisibly({ service: 'seen' }, [{ ip: '10.0.0.5', port: 80 }]);
        await recorder.waitFor(({ services }) => services.get(key('seen'))?.instances[0]?.address === '10.0.0.5');
        await allow(server, login, 'gray');
        await recorder.waitFor(({ synced }) => synced, { what: 'the other namespace', deadlineMs: 60_000 });
        assert.equal(recorder.services.get(key('unseen', 'gray'))?.instances.length, 1);
        assert.equal(recorder.degradedScopes.size, 0);
      } finally {
        writer.close();
      }
    });
  });
}

async function logIn({ url }: NacosServer, path: string): Promise<string> {
  const body = new URLSearchParams({ username: auth.user, password: auth.password }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await http(`${url}${path}`, { method: 'POST', headers, body });
  return (JSON.parse(answer.body) as { accessToken: string }).accessToken;
}

/** Lets the user `reader` read a namespace. */
async function allow(server: NacosServer, login: string, namespace: string): Promise<void> {
  const older = login.startsWith('/v1');
  const token = await logIn(server, login);
  const post = (path: string, form: Record<string, string>) =>
    http(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accessToken: token },
      body: new URLSearchParams(form).toString(),
    });
  const paths = older
    ? (['/v1/auth/users', '/v1/auth/roles', '/v1/auth/permissions'] as const)
    : (['/v3/auth/user', '/v3/auth/role', '/v3/auth/permission'] as const);
  // The first two are refused from the second time on, when they are there.
  await post(paths[0], { username: 'reader', password: 'may-read-a-part' });
  await post(paths[1], { role: 'readers', username: 'reader' });
  // 2.x writes the public namespace as nothing.
  const resource = `${older && namespace === 'public' ? '' : namespace}:*:*`;
  const answer = await post(paths[2], { role: 'readers', resource, action: 'r' });
  assert.equal(answer.status, 200, answer.body);
}
