import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IstiodServer, startIstiod } from '../../servers/istiod.js';
import { pickPort } from '../../servers/ports.js';
import { AdsClient } from '../../support/ads-client.js';
import { poll } from '../../support/poll.js';
import { TestAuthority } from '../../support/test-authority.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { type RunningSink, runSink } from '../support/running-sink.js';
import { catalogService, instances } from '../support/services.js';

describe('the MCP sink with TLS and a real istiod', function () {
  this.timeout(240_000);
  const authority = new TestAuthority();
  const catalog = new MemoryCatalog();
  const cluster = 'outbound|80||orders.nacos';
  let dir: string;
  let listen: string;
  let sink: RunningSink;
  let istiod: IstiodServer | undefined;
  let sidecar: AdsClient | undefined;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-istiod-tls-'));
    const { cert, key } = authority.issue({ dns: ['isthmus.istio-system.svc'] });
    await writeFile(join(dir, 'tls.crt'), cert);
    await writeFile(join(dir, 'tls.key'), key);
    listen = `127.0.0.1:${await pickPort()}`;
    catalog.put(catalogService('orders.nacos', instances(2)));
    sink = await runSink(catalog, { listen, tls: { cert: join(dir, 'tls.crt'), key: join(dir, 'tls.key') } });
  });

  after(async () => {
    sidecar?.close();
    await istiod?.stop();
    await sink?.stop();
    await rm(dir, { recursive: true });
  });

  function start(trusted: TestAuthority, mode = 'SIMPLE'): Promise<IstiodServer> {
    const tlsSettings = { mode, sni: 'isthmus.istio-system.svc', caCertificates: trusted.cert };
    return startIstiod({ configSources: [{ address: `xds://${listen}`, tlsSettings }] });
  }

  it('is read in mode SIMPLE by an istiod that trusts its certificate', async () => {
    istiod = await start(authority);
    sidecar = new AdsClient(istiod.adsAddress);
    await sidecar.waitForEndpoints(cluster, (list) => list.length === 2);
    catalog.put(catalogService('orders.nacos', instances(3)));
    await sidecar.waitForEndpoints(cluster, (list) => list.length === 3);
    const [client] = sink.sink.status().clients;
    assert.ok(client?.types.some(({ state }) => state === 'acked'));
  });

  it('is not read by one that does not, and the other does not notice', async () => {
    await assert.rejects(start(new TestAuthority('another')), /did not start/);
    await poll(
      async () => /isthmus_mcp_refused_total\{sink="mcp",limit="tls"\} [1-9]/.test(await sink.metrics.metrics()),
      {
        what: 'the refusal to be counted',
      },
    );
    catalog.put(catalogService('orders.nacos', instances(4)));
    await sidecar?.waitForEndpoints(cluster, (list) => list.length === 4);
  });
});
