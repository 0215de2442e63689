import assert from 'node:assert/strict';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { makeSource, providerName, withRun } from './support.js';

const greet = 'lab.api.Greet';
/** Beyond ASCII, and with characters that SASL quotes. */
const password = 'S3"CR\\ÉT';
const jaas = `Server {
  org.apache.zookeeper.server.auth.DigestLoginModule required
  user_isthmus="${password.replace(/[\\"]/g, '\\$&')}";
};
`;

describe('the zookeeper source with SASL', function () {
  this.timeout(60_000);
  let server: ZookeeperServer;
  let superuser: DubboRegistryWriter;

  before(async () => {
    server = await startZookeeper({
      tickTimeMs: 500,
      jaas,
      superPassword: 'root',
      properties: { 'file.encoding': 'UTF-8' },
      config: { 'authProvider.sasl': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider' },
    });
    superuser = await DubboRegistryWriter.connect(server.address, 'super:root');
    await superuser.make(`/dubbo/${greet}/providers/${providerName(greet, '10.0.0.1:1')}`);
    await superuser.setAccess('/dubbo', { scheme: 'sasl', id: 'isthmus' });
    await superuser.setAccess(`/dubbo/${greet}/providers`, { scheme: 'sasl', id: 'isthmus' });
  });
  after(async () => {
    await superuser?.close();
    await server?.stop();
  });

  const source = (secret: string, scheme: 'sasl' | 'digest' = 'sasl') =>
    makeSource([server.address], { auth: { scheme, username: 'isthmus', password: secret } });

  it('reads what is for its user alone', async () => {
    await withRun(source(password), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      assert.equal(recorder.services.get(`${greet}::`)?.instances.length, 1);
      await superuser.make(`/dubbo/${greet}/providers/${providerName(greet, '10.0.0.2:1')}`);
      await recorder.waitFor(() => recorder.services.get(`${greet}::`)?.instances.length === 2);
    });
  });

  it('says that the server refuses the password, without it', async () => {
    await withRun(source(`${password}-not`), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.degradedScopes.size > 0);
      const message = recorder.degradedScopes.get('')?.message ?? '';
      assert.match(message, /refused the credentials/);
      assert.doesNotMatch(message, /S3/);
      assert.equal(recorder.synced, false);
    });
  });

  it('is another user than that of scheme digest', async () => {
    await withRun(source(password, 'digest'), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.degradedScopes.size > 0);
      assert.match(recorder.degradedScopes.get('')?.message ?? '', /\/dubbo: no right to read it/);
    });
  });
});
