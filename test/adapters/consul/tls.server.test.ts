import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceRun } from '../../../testkit/index.js';
import { type ConsulCertificates, type ConsulServer, consulCertificates, startConsul } from '../../servers/consul.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

describe('adapters/consul: TLS', function () {
  this.timeout(60_000);
  let dir: string;
  let server: ConsulServer;
  let writer: ConsulWriter;
  let run: SourceRun | undefined;
  let certificates: ConsulCertificates;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-consul-tls-'));
    certificates = await consulCertificates(dir);
    server = await startConsul({ certificates });
    writer = new ConsulWriter(server);
    await writer.register({ name: 'web', id: 'w1', address: '10.7.0.1', port: 80 });
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  after(async () => {
    writer?.close();
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const start = (options: Record<string, string>): SourceRun => {
    run = new SourceRun(makeSource({ servers: [server.httpsUrl], tls: options, maxConnections: 8 }));
    return run;
  };
  const cause = async (options: Record<string, string>): Promise<string> => {
    const { recorder } = start(options);
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.size > 0, { what: 'degraded' });
    assert.equal(recorder.synced, false);
    return recorder.degradedScopes.get('')?.message ?? '';
  };

  it('reads over TLS with an authority and a client certificate', async () => {
    for (const name of [{}, { serverName: 'server.dc1.consul' }]) {
      const { recorder } = start({ ca: certificates.ca, ...certificates.client, ...name });
      await recorder.waitFor(({ services }) => services.has('web'), { what: 'the listing' });
      await run?.stop();
    }
  });

  it('does not trust an unknown authority', async () => {
    assert.match(await cause(certificates.client), /self-signed certificate in certificate chain|unable to verify/);
  });

  it('does not trust a certificate of another name', async () => {
    const options = { ca: certificates.ca, ...certificates.client, serverName: 'other.example' };
    assert.match(await cause(options), /does not match|altnames/);
  });

  it('says that the server wants a certificate, and that a file is not there', async () => {
    assert.match(await cause({ ca: certificates.ca }), /certificate required|alert|closed|ECONNRESET/);
    await run?.stop();
    assert.match(await cause({ ca: join(dir, 'no-such.pem') }), /ENOENT.*no-such\.pem/);
  });

  it('follows hundreds of services by a watch each over a few connections', async () => {
    const names = Array.from({ length: 400 }, (_, index) => `many-${index}`);
    for (let batch = 0; batch < names.length; batch += 20) {
      await Promise.all(
        names
          .slice(batch, batch + 20)
          .map((name) => writer.register({ name, id: name, address: '10.7.1.1', port: 80 })),
      );
    }
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port: Number(new URL(server.httpsUrl).port) });
    const tls = { ca: certificates.ca, ...certificates.client };
    run = new SourceRun(makeSource({ servers: [`https://${proxy.address}`], tls, maxProbesPerSecond: 1 }));
    const { recorder } = run;
    try {
      await recorder.waitFor(({ services }) => services.has('many-399'), { what: 'the listing', deadlineMs: 30_000 });
      // With probes this rare, what is seen within a minute is seen by watches.
      for (const name of names.filter((_, index) => index % 8 === 0)) {
        await writer.register({ name, id: name, address: '10.7.1.2', port: 80 });
      }
      const moved = (index: number) => recorder.services.get(`many-${index}`)?.instances[0]?.address === '10.7.1.2';
      await recorder.waitFor(() => names.every((_, index) => index % 8 !== 0 || moved(index)), {
        what: 'every change',
        deadlineMs: 30_000,
      });
      assert.ok(proxy.accepted <= 4, `${proxy.accepted} connections`);
      proxy.reset();
      await recorder.waitFor(({ degradedScopes }) => degradedScopes.size > 0, { what: 'degraded', deadlineMs: 30_000 });
      await recorder.waitFor(({ degradedScopes }) => degradedScopes.size === 0, { what: 'fresh', deadlineMs: 30_000 });
      assert.ok(!recorder.events.some(({ kind }) => kind === 'remove'));
      assert.equal(recorder.services.get('many-1')?.instances.length, 1);
    } finally {
      await run.stop();
      run = undefined;
      await proxy.close();
    }
  });
});
