import assert from 'node:assert/strict';
import { SourceRun } from '../../../testkit/index.js';
import { type ConsulServer, startConsul } from '../../servers/consul.js';
import { http } from '../../support/http.js';
import { ConsulWriter } from './consul-writer.js';
import { makeSource } from './make-source.js';

describe("adapters/consul: a real Consul's own mesh", function () {
  this.timeout(90_000);
  let server: ConsulServer;
  let writer: ConsulWriter;
  let run: SourceRun;

  before(async () => {
    server = await startConsul();
    writer = new ConsulWriter(server);
  });

  beforeEach(() => {
    run = new SourceRun(makeSource({ servers: [server.url] }));
  });

  afterEach(() => run.stop());

  after(async () => {
    writer?.close();
    await server?.stop();
  });

  const put = async (path: string, body: unknown) => {
    const answer = await http(`${server.url}${path}`, { method: 'PUT', body: JSON.stringify(body) });
    assert.equal(answer.status, 200, answer.body);
  };
  const remove = (path: string) => http(`${server.url}${path}`, { method: 'DELETE' });
  const until = (what: string, predicate: () => boolean | undefined) =>
    run.recorder.waitFor(() => predicate() === true, { what, deadlineMs: 20_000 });
  const protocol = (name: string) => run.recorder.services.get(name)?.ports[0]?.protocol;
  const consumers = (name: string) =>
    (run.recorder.declaredConsumers.get(name) ?? []).map(({ application }) => application).join();

  it('names the protocol by service-defaults and proxy-defaults, and follows both', async () => {
    await writer.register({ name: 'declared', id: 'd1', address: '10.8.0.1', port: 80, meta: { protocol: 'tcp' } });
    await writer.register({ name: 'silent', id: 's1', address: '10.8.0.2', port: 80 });
    await until('the listing', () => protocol('declared') === 'tcp' && protocol('silent') === 'http');
    await put('/v1/config', { Kind: 'service-defaults', Name: 'declared', Protocol: 'grpc' });
    await until('service-defaults', () => protocol('declared') === 'grpc');
    await put('/v1/config', { Kind: 'proxy-defaults', Name: 'global', Config: { protocol: 'http2' } });
    await until('proxy-defaults', () => protocol('silent') === 'http2' && protocol('declared') === 'grpc');
    await remove('/v1/config/service-defaults/declared');
    await until('the end of service-defaults', () => protocol('declared') === 'tcp');
    await remove('/v1/config/proxy-defaults/global');
    await until('the end of proxy-defaults', () => protocol('silent') === 'http');
    // The watch was taken from it for the reread and is back.
    await writer.register({ name: 'silent', id: 's1', address: '10.8.0.3', port: 80 });
    await until('a change', () => run.recorder.services.get('silent')?.instances[0]?.address === '10.8.0.3');
  });

  it('publishes the service and not its sidecar, and the upstreams as consumers', async () => {
    const upstream = { DestinationName: 'stock', LocalBindPort: 9191 };
    const shop = (Upstreams: unknown[]) => ({
      ...{ Name: 'shop', ID: 'shop-1', Address: '10.8.1.1', Port: 8080 },
      Connect: { SidecarService: { Proxy: { Upstreams } } },
    });
    await put('/v1/agent/service/register', shop([upstream]));
    for (const kind of ['mesh-gateway', 'ingress-gateway', 'terminating-gateway']) {
      await put('/v1/agent/service/register', { Kind: kind, Name: kind, ID: kind, Address: '10.8.1.9', Port: 8443 });
    }
    await put('/v1/agent/service/register', {
      ...{ Name: 'native', ID: 'native-1', Address: '10.8.1.2', Port: 8080 },
      Connect: { Native: true },
    });
    await until('the services', () => ['shop', 'native'].every((name) => run.recorder.services.has(name)));
    await until('the edge', () => consumers('stock') === 'shop');
    const seen = [...run.recorder.services.keys()].filter((name) => /shop|gateway|native/.test(name));
    assert.deepEqual(seen.sort(), ['native', 'shop']);
    assert.equal(run.recorder.services.get('shop')?.instances.length, 1);
    await put('/v1/agent/service/register', shop([]));
    await until('the end of the edge', () => consumers('stock') === '');
    await put('/v1/agent/service/register', shop([upstream]));
    await until('the edge again', () => consumers('stock') === 'shop');
    await put('/v1/agent/service/deregister/shop-1', {});
    await until('the end of the proxy', () => consumers('stock') === '');
  });
});
