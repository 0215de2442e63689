import assert from 'node:assert/strict';
import type { Recorder } from '../../../testkit/index.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource, providerName, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';
const echo = 'lab.api.Echo';
const password = 'S3CRET';

describe('the zookeeper source and access control', function () {
  this.timeout(60_000);
  let server: ZookeeperServer;
  let owner: DubboRegistryWriter;
  let roots = 0;
  let root = '';

  before(async () => {
    server = await startZookeeper({ tickTimeMs: 500 });
    owner = await DubboRegistryWriter.connect(server.address, `isthmus:${password}`);
  });
  after(async () => {
    await owner?.close();
    await server?.stop();
  });
  beforeEach(() => {
    root = `/secured${++roots}`;
  });

  const providers = (interfaceName: string) => `${root}/${interfaceName}/providers`;
  const put = (interfaceName: string, authority: string) =>
    owner.make(`${providers(interfaceName)}/${providerName(interfaceName, authority)}`);
  const source = (raw: RawConfig = {}) => makeSource([server.address], { dubbo: { root }, ...raw });
  const ids = (recorder: Recorder, interfaceName: string) =>
    recorder.services.get(`${interfaceName}::`)?.instances.map(({ id }) => id);

  for (const watch of ['recursive', 'classic'] as const) {
    it(`reads what the credentials allow (${watch})`, async () => {
      await put(greet, '10.0.0.1:1');
      for (const path of [`${providers(greet)}/${providerName(greet, '10.0.0.1:1')}`, providers(greet), root]) {
        await owner.setAccess(path, 'creator');
      }
      await withRun(source({ watch, auth: { username: 'isthmus', password } }), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced);
        assert.deepEqual(ids(recorder, greet), ['dubbo://10.0.0.1:1']);
        await owner.make(`${providers(greet)}/${providerName(greet, '10.0.0.2:1')}`, { access: 'creator' });
        await recorder.waitFor(() => ids(recorder, greet)?.length === 2);
      });
    });
  }

  for (const [what, auth] of [
    ['no credentials', undefined],
    ['wrong credentials', { username: 'isthmus', password: `${password}-not` }],
  ] as const) {
    it(`says what is wrong with ${what}, and goes on trying`, async () => {
      await put(greet, '10.0.0.1:1');
      await owner.setAccess(root, 'creator');
      await withRun(source({ ...(auth && { auth }) }), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.degradedScopes.size > 0);
        const message = recorder.degradedScopes.get('')?.message ?? '';
        assert.match(message, new RegExp(`${root}: no right to read it .*auth\\.password`));
        assert.doesNotMatch(message, /S3CRET/);
        assert.equal(recorder.synced, false);
        await owner.setAccess(root, 'open');
        await recorder.waitFor(() => recorder.synced, { deadlineMs: 20_000 });
        assert.deepEqual(ids(recorder, greet), ['dubbo://10.0.0.1:1']);
      });
    });
  }

  it('publishes the others, without claiming to be complete, when one interface cannot be read at first', async () => {
    await put(greet, '10.0.0.1:1');
    await put(echo, '10.0.0.1:1');
    await owner.setAccess(providers(greet), 'creator');
    await withRun(source(), async ({ recorder }) => {
      await recorder.waitFor(() => ids(recorder, echo)?.length === 1 && recorder.degradedScopes.size > 0);
      assert.equal(recorder.synced, false);
      assert.match(recorder.degradedScopes.get('')?.message ?? '', /lab\.api\.Greet\/providers: no right/);
      await put(echo, '10.0.0.2:1');
      await recorder.waitFor(() => ids(recorder, echo)?.length === 2);
      assert.equal(recorder.synced, false);
      await owner.setAccess(providers(greet), 'open');
      await recorder.waitFor(() => recorder.synced, { deadlineMs: 20_000 });
      assert.deepEqual([ids(recorder, greet)?.length, ids(recorder, echo)?.length], [1, 2]);
      assert.equal(recorder.degradedScopes.size, 0);
    });
  });

  it('keeps what it had of an interface whose right to read was taken away', async () => {
    await put(greet, '10.0.0.1:1');
    await put(echo, '10.0.0.1:1');
    await withRun(source(), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      await owner.setAccess(providers(greet), 'creator');
      await put(greet, '10.0.0.2:1');
      await recorder.waitFor(() => /no right/.test(recorder.degradedScopes.get(greet)?.message ?? ''));
      assert.deepEqual(ids(recorder, greet), ['dubbo://10.0.0.1:1']);
      await put(echo, '10.0.0.2:1');
      await recorder.waitFor(() => ids(recorder, echo)?.length === 2);
      await owner.setAccess(providers(greet), 'open');
      await recorder.waitFor(() => ids(recorder, greet)?.length === 2 && recorder.degradedScopes.size === 0, {
        deadlineMs: 20_000,
      });
      assert.ok(recorder.events.every(({ kind }) => kind !== 'remove'));
    });
  });

  it('keeps it also when everything is listed again meanwhile', async () => {
    const proxy = await TcpProxy.start(server);
    try {
      await put(greet, '10.0.0.1:1');
      await put(echo, '10.0.0.1:1');
      await withRun(makeSource([proxy.address], { dubbo: { root } }), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced);
        await owner.setAccess(providers(greet), 'creator');
        await put(greet, '10.0.0.2:1');
        await put(echo, '10.0.0.2:1');
        proxy.drop();
        const relisted = () => recorder.events.filter(({ kind }) => kind === 'replaceAll').length === 2;
        await recorder.waitFor(() => relisted() && recorder.degradedScopes.has(greet));
        assert.deepEqual([...recorder.degradedScopes.keys()], [greet]);
        assert.deepEqual(ids(recorder, greet), ['dubbo://10.0.0.1:1']);
        assert.equal(ids(recorder, echo)?.length, 2);
        await owner.setAccess(providers(greet), 'open');
        await recorder.waitFor(() => ids(recorder, greet)?.length === 2 && recorder.degradedScopes.size === 0, {
          deadlineMs: 20_000,
        });
      });
    } finally {
      await proxy.close();
    }
  });
});
