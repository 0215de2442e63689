import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { z } from 'zod';
import { type AccessConfig, accessFields, checkAccess, readAccess } from '../../../clients/kubernetes/index.js';
import { Secret } from '../../../core/plugin/index.js';

const { signal } = new AbortController();

describe('clients/kubernetes: access', () => {
  let dir: string;
  let nowMs = 0;
  const path = (name: string) => join(dir, name);
  const write = (name: string, content: unknown) =>
    writeFile(path(name), typeof content === 'string' ? content : JSON.stringify(content));
  const read = (config: AccessConfig, env: Record<string, string> = {}) =>
    readAccess(config, signal, { env, accountDir: dir, now: () => nowMs });

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-access-'));
    nowMs = 0;
  });
  afterEach(() => rm(dir, { recursive: true }));

  const kubeconfig = (user: object, cluster: object = {}) => ({
    'current-context': 'one',
    contexts: [
      { name: 'one', context: { cluster: 'c', user: 'u' } },
      { name: 'two', context: { cluster: 'd', user: 'u' } },
    ],
    clusters: [
      { name: 'c', cluster: { server: 'https://one:6443/', ...cluster } },
      { name: 'd', cluster: { server: 'https://two:6443' } },
    ],
    users: [{ name: 'u', user }],
  });

  it('is that of the pod, with a token that is read again when it was renewed', async () => {
    await write('ca.crt', 'the authority');
    await write('token', 'first\n');
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
    const access = await read({}, env);
    assert.equal(access.server, 'https://[fd00::1]:6443');
    assert.equal(String(access.tls.ca), 'the authority');
    assert.equal(await access.token(signal), 'first');
    await write('token', 'second');
    assert.equal(await access.token(signal), 'first');
    nowMs = 10_000;
    assert.equal(await access.token(signal), 'second');
  });

  it('outside of a pod says what to give', async () => {
    await assert.rejects(read({}), /no pod of a cluster: give kubeconfig or server/);
  });

  it('is that of a context of a kubeconfig file, with data or files of certificates', async () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    await write('ca.pem', 'authority of a file');
    const user = { 'client-certificate-data': base64('certificate'), 'client-key-data': base64('key') };
    const cluster = { 'certificate-authority': 'ca.pem', 'tls-server-name': 'kubernetes' };
    await write('config', kubeconfig(user, cluster));
    const access = await read({ kubeconfig: path('config') });
    assert.equal(access.server, 'https://one:6443');
    const { ca, cert, key, serverName } = access.tls;
    assert.deepEqual([ca, cert, key, serverName].map(String), [
      'authority of a file',
      'certificate',
      'key',
      'kubernetes',
    ]);
    assert.equal((await read({ kubeconfig: path('config'), context: 'two' })).server, 'https://two:6443');
  });

  it('takes tokens and token files of a kubeconfig file', async () => {
    await write('token', 'from a file');
    await write('config', kubeconfig({ token: 'hidden-token' }));
    const access = await read({ kubeconfig: path('config') });
    assert.equal(await access.token(signal), 'hidden-token');
    assert.doesNotMatch(inspect(access, { depth: 9 }), /hidden/);
    await write('token', 'from-a-file');
    await write('config', kubeconfig({ tokenFile: 'token' }));
    assert.equal(await (await read({ kubeconfig: path('config') })).token(signal), 'from-a-file');
  });

  const wrong: [string, unknown, RegExp][] = [
    ['is not there', undefined, /ENOENT/],
    ['is no YAML', '{token: hidden-token', /config: it is no YAML/],
    ['is a list', '[]', /no mapping/],
    ['names no context', {}, /no current-context/],
    ['lacks its context', { 'current-context': 'x' }, /no context of the name "x"/],
    ['runs a program', kubeconfig({ exec: { command: 'aws' } }), /has exec, which is not supported; use a token/],
    ['has a password', kubeconfig({ username: 'a', password: 'hidden-token' }), /has username/],
    ['goes through a proxy', kubeconfig({}, { 'proxy-url': 'http://p' }), /proxy-url/],
    ['has no server', kubeconfig({}, { server: 'one' }), /no server URL/],
    ['sends its token in the clear', kubeconfig({ token: 'hidden-token' }, { server: 'http://x' }), /https alone/],
    ['is full of aliases', 'a: &a [1]\nb: [*a]', /no YAML/],
  ];
  for (const [what, content, reason] of wrong) {
    it(`fails for a kubeconfig file that ${what}, and shows nothing of it`, async () => {
      if (content !== undefined) await write('config', content);
      await assert.rejects(read({ kubeconfig: path('config') }), (error: Error) => {
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /hidden/);
        return true;
      });
    });
  }

  it('fails for a token file that is empty or holds anything else', async () => {
    for (const content of ['', ' \n', 'a b', 'a\r\nx-injected: 1']) {
      await write('token', content);
      const access = await read({ server: 'https://x', tokenFile: path('token') });
      await assert.rejects(access.token(signal), /is empty|holds no token/);
    }
  });

  describe('in the configuration', () => {
    const schema = z.strictObject(accessFields).superRefine(checkAccess);
    const problems = (config: object) =>
      schema.safeParse(config).error?.issues.map(({ path: at, message }) => `${at}: ${message}`) ?? [];

    it('is one of three', () => {
      for (const good of [
        {},
        { kubeconfig: 'x', context: 'y' },
        { server: 'https://x', tokenFile: 'y' },
        { server: 'http://127.0.0.1:8001' },
      ])
        assert.deepEqual(problems(good), []);
    });

    it('names the key that does not go with the others', () => {
      assert.deepEqual(problems({ kubeconfig: 'x', server: 'https://x' }), [
        'server: either server or kubeconfig, not both',
      ]);
      assert.match(problems({ context: 'x' })[0] ?? '', /^context: needs kubeconfig/);
      assert.match(problems({ token: 'x' })[0] ?? '', /^token: needs server/);
      assert.match(problems({ server: 'http://x', token: 'y' })[0] ?? '', /^server: a token is sent over https alone/);
      assert.match(problems({ server: 'https://x', token: 'y', tokenFile: 'z' })[0] ?? '', /^tokenFile: either/);
      assert.ok(schema.parse({ server: 'https://x', token: 'y' }).token instanceof Secret);
    });
  });
});
