import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { pickPort } from '../../servers/ports.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { makeSource, providerName, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';

describe('the zookeeper source over TLS', function () {
  this.timeout(90_000);
  let certificates: Certificates;
  let server: ZookeeperServer;
  let writer: DubboRegistryWriter;
  let securePort = 0;

  before(async () => {
    certificates = await makeCertificates();
    securePort = await pickPort();
    const { ca, server: own } = certificates;
    // A keystore of type PEM is one file with both.
    const keyStore = `${own.key}-and-cert`;
    const { readFile } = await import('node:fs/promises');
    await writeFile(keyStore, `${await readFile(own.key, 'utf8')}${await readFile(own.cert, 'utf8')}`);
    server = await startZookeeper({
      tickTimeMs: 500,
      properties: { 'zookeeper.serverCnxnFactory': 'org.apache.zookeeper.server.NettyServerCnxnFactory' },
      config: {
        secureClientPort: securePort,
        'ssl.keyStore.location': keyStore,
        'ssl.keyStore.type': 'PEM',
        'ssl.trustStore.location': ca,
        'ssl.trustStore.type': 'PEM',
      },
    });
    writer = await DubboRegistryWriter.connect(server.address);
    await writer.make(`/dubbo/${greet}/providers/${providerName(greet, '10.0.0.1:1')}`);
  });
  after(async () => {
    await writer?.close();
    await server?.stop();
    await certificates?.remove();
  });

  const source = (tls: RawConfig['tls']) => makeSource([`127.0.0.1:${securePort}`], { ...(tls && { tls }) });
  const trouble = async (tls: RawConfig['tls']) => {
    let message = '';
    await withRun(source(tls), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.degradedScopes.size > 0);
      assert.equal(recorder.synced, false);
      message = recorder.degradedScopes.get('')?.message ?? '';
    });
    return message;
  };

  it('reads and follows, by address and by another name', async () => {
    const { ca, client, serverName } = certificates;
    let count = 1;
    for (const name of [{}, { serverName }]) {
      await withRun(source({ ca, ...client, ...name }), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced);
        await writer.make(`/dubbo/${greet}/providers/${providerName(greet, `10.0.0.${++count}:1`)}`);
        await recorder.waitFor(() => recorder.services.get(`${greet}::`)?.instances.length === count);
      });
    }
  });

  it('does not trust an unknown authority, nor a certificate of another name', async () => {
    const { ca, client } = certificates;
    assert.match(await trouble(client), /self-signed certificate|unable to verify/);
    assert.match(await trouble({ ca, ...client, serverName: 'other.example' }), /does not match|altnames/);
  });

  it('says that the server wants a certificate, that it speaks TLS, and that a file is not there', async () => {
    const { ca } = certificates;
    assert.match(await trouble({ ca }), /certificate|alert|closed|ECONNRESET/);
    assert.match(await trouble(undefined), /cannot be decoded|closed|ECONNRESET|no session/);
    assert.match(await trouble({ ca: `${ca}-not` }), /ENOENT.*-not/);
  });
});
