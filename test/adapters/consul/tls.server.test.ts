import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { execa } from 'execa';
import { SourceRun } from '../../../testkit/index.js';
import { artefactDir } from '../../servers/build/cache-dir.js';
import { type ConsulServer, startConsul } from '../../servers/consul.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

describe('adapters/consul: TLS', function () {
  this.timeout(60_000);
  let dir: string;
  let server: ConsulServer;
  let writer: ConsulWriter;
  let tls: Server;
  let run: SourceRun | undefined;
  const file = (name: string) => join(dir, name);

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-consul-tls-'));
    // Consul brings its own authority: it signs for server.dc1.consul, localhost and 127.0.0.1.
    const consul = (...args: string[]) => execa(join(artefactDir('consul'), 'consul'), args, { cwd: dir });
    await consul('tls', 'ca', 'create');
    await consul('tls', 'cert', 'create', '-server', '-dc', 'dc1');
    await consul('tls', 'cert', 'create', '-client', '-dc', 'dc1');
    server = await startConsul();
    writer = new ConsulWriter(server);
    await writer.register({ name: 'web', id: 'w1', address: '10.7.0.1', port: 80 });
    tls = createServer(
      {
        key: await readFile(file('dc1-server-consul-0-key.pem')),
        cert: await readFile(file('dc1-server-consul-0.pem')),
        ca: await readFile(file('consul-agent-ca.pem')),
        requestCert: true,
        rejectUnauthorized: true,
      },
      (socket) => {
        const upstream = connect(server.port, '127.0.0.1');
        for (const side of [socket, upstream]) side.on('error', () => undefined);
        socket.on('close', () => upstream.destroy());
        upstream.on('close', () => socket.destroy());
        socket.pipe(upstream).pipe(socket);
      },
    );
    tls.on('tlsClientError', () => undefined); // what the tests provoke
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });

  after(async () => {
    await new Promise((resolve) => (tls ? tls.close(resolve) : resolve(undefined)));
    writer?.close();
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const start = (options: Record<string, string>): SourceRun => {
    const url = `https://127.0.0.1:${(tls.address() as AddressInfo).port}`;
    run = new SourceRun(makeSource({ servers: [url], tls: options }));
    return run;
  };
  const client = () => ({ cert: file('dc1-client-consul-0.pem'), key: file('dc1-client-consul-0-key.pem') });
  const cause = async (options: Record<string, string>): Promise<string> => {
    const { recorder } = start(options);
    await recorder.waitFor(({ degradedScopes }) => degradedScopes.size > 0, { what: 'degraded' });
    assert.equal(recorder.synced, false);
    return recorder.degradedScopes.get('')?.message ?? '';
  };

  it('reads over TLS with an authority and a client certificate', async () => {
    for (const name of [{}, { serverName: 'server.dc1.consul' }]) {
      const { recorder } = start({ ca: file('consul-agent-ca.pem'), ...client(), ...name });
      await recorder.waitFor(({ services }) => services.has('web'), { what: 'the listing' });
      await run?.stop();
    }
  });

  it('does not trust an unknown authority', async () => {
    assert.match(await cause(client()), /self-signed certificate in certificate chain|unable to verify/);
  });

  it('does not trust a certificate of another name', async () => {
    const options = { ca: file('consul-agent-ca.pem'), ...client(), serverName: 'other.example' };
    assert.match(await cause(options), /does not match|altnames/);
  });

  it('says that the server wants a certificate, and that a file is not there', async () => {
    assert.match(await cause({ ca: file('consul-agent-ca.pem') }), /certificate required|alert|closed|ECONNRESET/);
    await run?.stop();
    assert.match(await cause({ ca: file('no-such.pem') }), /ENOENT.*no-such\.pem/);
  });
});
