import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'mocha';
import { Agent } from 'undici';
import { SourceRun } from '../../../testkit/index.js';
import { type EurekaServer, startEureka } from '../../servers/eureka.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import { EurekaWriter } from './eureka-writer.js';
import { makeSource } from './make-source.js';

const deadlineMs = 30_000;

describe('adapters/eureka source over TLS, with a client certificate', function () {
  this.timeout(180_000);
  let certificates: Certificates;
  let server: EurekaServer;
  let agent: Agent;
  let run: SourceRun | undefined;

  before(async () => {
    certificates = await makeCertificates();
    const { ca, server: own, client } = certificates;
    const connect = { ca: await readFile(ca), cert: await readFile(client.cert), key: await readFile(client.key) };
    agent = new Agent({ connect });
    server = await startEureka({ tls: { ca, ...own, client: agent } });
    await new EurekaWriter(server.url, {}, agent).register('GUARDED', { id: 'g', address: '10.3.0.1', port: 8000 });
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });
  after(async () => {
    await agent?.close();
    await server?.stop();
    await certificates?.remove();
  });

  const start = (tls: Readonly<Record<string, string>>) => {
    run = new SourceRun(makeSource({ servers: [server.url], tls }));
    return run.recorder;
  };
  const cause = async (tls: Readonly<Record<string, string>>) => {
    const recorder = start(tls);
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.has(''), { deadlineMs });
    assert.equal(recorder.synced, false);
    return recorder.degradedScopes.get('')?.message ?? '';
  };

  it('reads', async () => {
    const recorder = start({ ca: certificates.ca, ...certificates.client });
    await recorder.waitFor(({ services }) => services.has('GUARDED'), { deadlineMs });
  });

  it('takes certificates that were renewed with no restart', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'isthmus-renewed-'));
    try {
      const ca = join(dir, 'ca.pem');
      await copyFile(certificates.client.cert, ca);
      assert.match(await cause({ ca, ...certificates.client }), /unable to (?:verify|get)|self-signed/i);
      await copyFile(certificates.ca, ca);
      await run?.recorder.waitFor(({ services }) => services.has('GUARDED'), { deadlineMs });
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('says so when the authority is not known', async () => {
    assert.match(await cause({ ...certificates.client }), /self-signed|unable to (?:verify|get)/i);
  });

  it('says so when the certificate is for another name', async () => {
    const tls = { ca: certificates.ca, ...certificates.client, serverName: 'other.example.test' };
    assert.match(await cause(tls), /altnames|does not match/i);
  });

  it('says so when the server misses the client certificate', async () => {
    assert.match(
      await cause({ ca: certificates.ca }),
      /certificate required|bad certificate|alert|other side closed|ECONNRESET/i,
    );
  });
});
