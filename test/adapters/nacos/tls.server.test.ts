import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { after, afterEach, before, describe, it } from 'mocha';
import { SourceRun } from '../../../testkit/index.js';
import type { NacosServer } from '../../servers/nacos.js';
import { sharedNacos2, sharedNacos3 } from '../../servers/shared-nacos.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { makeSource } from './make-source.js';

const versions = [
  { version: '2.3.2', start: sharedNacos2 },
  { version: '3.1.0', start: sharedNacos3 },
];
const key = 'public@@DEFAULT_GROUP@@secure';
const deadlineMs = 30_000;

for (const { version, start } of versions) {
  describe(`adapters/nacos over TLS with Nacos ${version}`, function () {
    this.timeout(120_000);
    let certificates: Certificates;
    let server: NacosServer;
    let writer: NacosWriter;
    /** In front of HTTP and of gRPC. */
    let fronts: Server[] = [];
    let run: SourceRun | undefined;

    before(async () => {
      certificates = await makeCertificates();
      server = await start();
      writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
      await writer.setVisibly({ service: 'secure' }, [{ ip: '10.0.0.1', port: 80 }]);
    });

    afterEach(async () => {
      await run?.stop();
      run = undefined;
      for (const front of fronts.splice(0)) front.close();
    });

    after(async () => {
      writer?.close();
      await certificates?.remove();
    });

    const read = async (tls: Readonly<Record<string, string>>, mutual: boolean, own: object = {}) => {
      fronts = [
        await terminate(server.port, certificates, mutual),
        await terminate(server.grpcPort, certificates, mutual),
      ];
      const [http = 0, grpc = 0] = fronts.map((front) => (front.address() as AddressInfo).port);
      const servers = [`https://127.0.0.1:${http}`];
      const source = makeSource({ servers, namespaces: ['public'], grpcPortOffset: grpc - http, tls, ...own });
      run = new SourceRun(source);
      return run.recorder;
    };
    const reads = async (tls: Readonly<Record<string, string>>, mutual: boolean, own: object = {}) => {
      const recorder = await read(tls, mutual, own);
      await recorder.waitFor(({ synced }) => synced, { what: 'the first listing', deadlineMs });
      assert.equal(recorder.services.get(key)?.instances.length, 1);
      return recorder;
    };
    const refuses = async (tls: Readonly<Record<string, string>>, mutual: boolean, own: object = {}) => {
      const recorder = await read(tls, mutual, own);
      await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'), { what: 'a refusal', deadlineMs });
      assert.equal(recorder.services.size, 0);
      return recorder.degradedScopes.get('public')?.message ?? '';
    };

    it('reads by HTTP and gRPC from a server whose authority it trusts, and follows changes', async () => {
      // All groups: names come by HTTP on both versions.
      const recorder = await reads({ ca: certificates.ca }, false);
      await writer.set({ service: 'secure' }, [{ ip: '10.0.0.2', port: 80 }]);
      const address = () => recorder.services.get(key)?.instances[0]?.address;
      await recorder.waitFor(() => address() === '10.0.0.2', { what: 'the change', deadlineMs });
      await writer.setVisibly({ service: 'secure' }, [{ ip: '10.0.0.1', port: 80 }]);
    });

    it('shows its own certificate to a server that asks for one', async () => {
      await reads({ ca: certificates.ca, ...certificates.client }, true);
    });

    it('is refused without a certificate where one is asked for', async () => {
      await refuses({ ca: certificates.ca }, true);
    });

    it('trusts no server that a stranger signed', async () => {
      assert.match(await refuses({}, false), /certificate/i);
    });

    it('trusts no server by another name than it expects', async () => {
      await refuses({ ca: certificates.ca, serverName: 'elsewhere.test' }, false);
    });

    if (version === '2.3.2') {
      it('reads the API of 1.x over TLS', async () => {
        await reads({ ca: certificates.ca, ...certificates.client }, true, { mode: 'http' });
      });
    }
  });
}

async function terminate(port: number, { server, ca }: Certificates, mutual: boolean): Promise<Server> {
  const front = createServer(
    {
      cert: await readFile(server.cert),
      key: await readFile(server.key),
      ca: await readFile(ca),
      requestCert: mutual,
      rejectUnauthorized: mutual,
      ALPNProtocols: ['h2', 'http/1.1'],
    },
    (socket) => {
      const upstream = connect(port, '127.0.0.1');
      for (const side of [socket, upstream]) side.on('error', () => undefined);
      socket.on('close', () => upstream.destroy());
      upstream.on('close', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
    },
  );
  front.on('tlsClientError', () => undefined); // what the tests provoke
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return front;
}
