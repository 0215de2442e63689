import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { Protocol } from '../../../core/model/index.js';
import { type EnvoyServer, startEnvoy } from '../../servers/envoy.js';
import { pickPorts } from '../../servers/ports.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import { http } from '../../support/http.js';
import { anInstance } from '../../support/model.js';
import { poll } from '../../support/poll.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { catalogService } from '../support/services.js';
import { type Backend, startBackend } from './support/backend.js';
import { type GreeterBackend, greeterClient, startGreeter } from './support/greeter.js';
import { type RunningXds, runXds } from './support/running-xds.js';
import { callThrift, startThriftBackend, type ThriftBackend } from './support/thrift.js';

/** What a client of TLS sees: the certificate's fingerprint, and the first bytes that come back. */
interface Seen {
  readonly fingerprint: string;
  readonly text: string;
  readonly alpn: string | false | null;
}

function dial(port: number, servername: string, say: string, alpn: string[] = []): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', servername, rejectUnauthorized: false, ALPNProtocols: alpn };
    const socket: TLSSocket = connect(options, () => void socket.write(say));
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer within 5 s')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once('data', (bytes) => {
      const { fingerprint256 } = socket.getPeerCertificate();
      resolve({ fingerprint: fingerprint256, text: bytes.toString(), alpn: socket.alpnProtocol });
      socket.destroy();
    });
  });
}

async function getOverHttp2(port: number, authority: string): Promise<string> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: authority, rejectUnauthorized: false });
  try {
    const stream = session.request({ ':path': '/two', ':authority': authority });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  } finally {
    session.close();
  }
}

const fingerprintOf = (file: string) => new X509Certificate(readFileSync(file)).fingerprint256;

describe('a real Envoy at the edge: TLS, bytes, gRPC and Thrift', () => {
  const catalog = new MemoryCatalog();
  let certificates: Certificates;
  let dir: string;
  let tlsServer: Server;
  let web: Backend;
  let greeter: GreeterBackend;
  let thrift: ThriftBackend;
  let xds: RunningXds;
  let envoy: EnvoyServer;
  let ports: { secure: number; sent: number; pass: number; ended: number; plain: number; web: number; thrift: number };

  const service = (host: string, protocol: Protocol, port: number) =>
    catalogService(host, [anInstance(host, { address: '127.0.0.1', ports: { main: port } })], {
      ports: [{ name: 'main', number: 1000, protocol }],
    });

  before(async () => {
    certificates = await makeCertificates();
    dir = mkdtempSync(join(tmpdir(), 'isthmus-edge-'));
    copyFileSync(certificates.server.cert, join(dir, 'cert.pem'));
    copyFileSync(certificates.server.key, join(dir, 'key.pem'));
    const { client } = certificates;
    // The instance behind the pass-through has the other certificate, so that it can be told who answered.
    tlsServer = createServer({ cert: readFileSync(client.cert), key: readFileSync(client.key) }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes) => socket.end(`itself: ${bytes}`));
    });
    tlsServer.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => tlsServer.listen(0, '127.0.0.1', resolve));
    [web, greeter, thrift] = await Promise.all([startBackend('web'), startGreeter('g'), startThriftBackend('thrifty')]);
    const [secure, sent, pass, ended, plain, webPort, thriftPort] = await pickPorts(7);
    ports = { secure, sent, pass, ended, plain, web: webPort, thrift: thriftPort } as typeof ports;
    catalog.put(
      catalogService('web.legacy', [web.instance()]),
      service('vault.legacy', 'https', (tlsServer.address() as AddressInfo).port),
      service('bytes.legacy', 'tcp', web.port),
      service('greeter.legacy', 'grpc', greeter.port),
      service('users.legacy', 'thrift', thrift.port),
    );
    const { server } = certificates;
    xds = await runXds(catalog, {
      gateways: [
        {
          name: 'edge',
          domain: 'example.com',
          rules: [{ hosts: ['users.legacy'], thriftService: 'UserService' }],
          listeners: [
            { name: 'web', listen: `127.0.0.1:${ports.web}`, protocol: 'http' },
            {
              name: 'secure',
              listen: `127.0.0.1:${ports.secure}`,
              protocol: 'http',
              tls: { certificates: [server] },
            },
            {
              name: 'sent',
              listen: `127.0.0.1:${ports.sent}`,
              protocol: 'http',
              tls: { certificates: [{ cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }], from: 'isthmus' },
            },
            { name: 'pass', listen: `127.0.0.1:${ports.pass}`, protocol: 'tls' },
            { name: 'ended', listen: `127.0.0.1:${ports.ended}`, protocol: 'tcp', tls: { certificates: [server] } },
            { name: 'plain', listen: `127.0.0.1:${ports.plain}`, protocol: 'tcp', service: 'bytes.legacy' },
            { name: 'thrift', listen: `127.0.0.1:${ports.thrift}`, protocol: 'thrift' },
          ],
        },
      ],
    });
    envoy = await startEnvoy({ ads: xds.address, cluster: 'edge' });
    for (const port of Object.values(ports)) await envoy.untilListening(port);
  });
  after(async () => {
    await envoy?.stop();
    await xds?.stop();
    await Promise.all([web?.close(), greeter?.close(), thrift?.close()]);
    tlsServer?.close();
    await certificates?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  const httpRequest = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

  it('ends TLS with the certificate of its disk, and speaks HTTP/1.1 and HTTP/2', async () => {
    await poll(async () => (await dial(ports.secure, 'web.legacy', httpRequest('web.legacy'))).text.includes(' 200 '));
    const seen = await dial(ports.secure, 'web.legacy', httpRequest('web.legacy'), ['http/1.1']);
    assert.equal(seen.fingerprint, fingerprintOf(certificates.server.cert));
    assert.match(seen.text, /web GET \//);
    assert.equal(await getOverHttp2(ports.secure, 'web.legacy'), 'web GET /two');
  });

  it('ends TLS with a certificate that it is sent, and takes a new one without a restart', async () => {
    const before = await dial(ports.sent, 'web.legacy', httpRequest('web.legacy'));
    assert.equal(before.fingerprint, fingerprintOf(certificates.server.cert));
    copyFileSync(certificates.client.key, join(dir, 'key.pem'));
    copyFileSync(certificates.client.cert, join(dir, 'cert.pem'));
    await poll(async () => {
      const now = await dial(ports.sent, 'web.legacy', httpRequest('web.legacy'));
      return now.fingerprint === fingerprintOf(certificates.client.cert);
    });
  });

  it('passes TLS on by the name that the client asks for, and nothing else', async () => {
    const seen = await dial(ports.pass, 'vault.legacy', 'hello');
    assert.equal(seen.fingerprint, fingerprintOf(certificates.client.cert));
    assert.equal(seen.text, 'itself: hello');
    assert.equal((await dial(ports.pass, 'vault.legacy.example.com', 'hello')).text, 'itself: hello');
    await assert.rejects(dial(ports.pass, 'bytes.legacy', 'hello'));
    await assert.rejects(dial(ports.pass, 'web.legacy', 'hello'));
  });

  it('ends TLS for bytes and finds the service by the name, and a plain port is of one service', async () => {
    const seen = await dial(ports.ended, 'bytes.legacy', httpRequest('any'));
    assert.equal(seen.fingerprint, fingerprintOf(certificates.server.cert));
    assert.match(seen.text, /web GET \//);
    const { status, body } = await http(`http://127.0.0.1:${ports.plain}/x`);
    assert.deepEqual({ status, body }, { status: 200, body: 'web GET /x' });
  });

  it('keeps connections of services that stay when another comes', async () => {
    const socket = connect({
      port: ports.ended,
      host: '127.0.0.1',
      servername: 'bytes.legacy',
      rejectUnauthorized: false,
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    let closed = false;
    socket.once('close', () => {
      closed = true;
    });
    catalog.put(service('another.legacy', 'tcp', web.port));
    await poll(() => dial(ports.ended, 'another.legacy', httpRequest('any')).then(() => true));
    assert.ok(!closed);
    socket.write(httpRequest('any'));
    const [text] = (await new Promise((resolve) => socket.once('data', (bytes) => resolve([bytes])))) as [Buffer];
    assert.match(text.toString(), /web GET \//);
    socket.destroy();
  });

  it('carries gRPC calls by host', async () => {
    const client = greeterClient(`127.0.0.1:${ports.web}`, { 'grpc.default_authority': 'greeter.legacy' });
    try {
      assert.equal(await client.greet('you'), 'g greets you');
    } finally {
      client.close();
    }
  });

  it('carries Thrift calls by the service that they name', async () => {
    assert.equal(await callThrift(ports.thrift, 'UserService:ping'), 'thrifty');
    assert.deepEqual(thrift.called, ['UserService:ping']);
    await assert.rejects(callThrift(ports.thrift, 'OtherService:ping'), /no route/);
  });

  it('takes all that it is sent', async () => {
    assert.equal(await envoy.rejected(), 0);
    assert.deepEqual(xds.warnings, []);
  });
});
