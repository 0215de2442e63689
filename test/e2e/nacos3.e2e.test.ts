import type { NacosServer } from '../servers/nacos.js';
import { startNacos3 } from '../servers/nacos3.js';
import { type SpringCloudApp, startSpringCloudApp } from '../servers/spring-cloud.js';
import { http } from '../support/http.js';
import { type NacosInstance, NacosWriter } from '../support/nacos-writer.js';
import { poll } from '../support/poll.js';
import { clusterOf, Mesh } from './support/mesh.js';
import { loseLast, restartIsthmus, restartRegistry } from './support/plots.js';

const cluster = clusterOf('order-service.nacos');

describe('Nacos 3.1.0 with a login, as a sidecar sees it', function () {
  this.timeout(300_000);
  const auth = { user: 'nacos', password: 'only-for-tests' };
  let nacos: NacosServer;
  let app: SpringCloudApp;
  let mesh: Mesh;

  let writer: NacosWriter;
  const name = { service: 'order-service' };
  const other = { target: '10.5.0.1:8080' };
  const instance: NacosInstance = { ip: '10.5.0.1', port: 8080 };
  const real = () => ({ target: `127.0.0.1:${app.port}` });

  before(async () => {
    nacos = await startNacos3({ auth });
    app = await startSpringCloudApp({
      registry: { kind: 'nacos', address: nacos.address, auth, weight: 3 },
      application: 'order-service',
      metadata: { zone: 'hz-a', version: '1.2' },
    });
    writer = await NacosWriter.connect({ grpcPort: nacos.grpcPort, accessToken: await login(nacos) });
    mesh = await Mesh.start({
      sources: [
        {
          ...{ name: 'nacos-hz', kind: 'nacos', servers: [`http://${nacos.address}`] },
          ...{ username: auth.user, password: auth.password },
        },
      ],
    });
  });

  after(async () => {
    await mesh?.stop();
    writer?.close();
    await app?.stop();
    await nacos?.stop();
  });

  it('shows a real Spring Cloud application, with weight, zone and labels', async () => {
    await mesh.sees(cluster, [{ ...real(), weight: 300, locality: 'hz-a' }]);
    await poll(async () => (await mesh.labels('order-service.nacos'))['127.0.0.1']?.['version'] === '1.2');
  });

  it('follows weight, metadata, health and switch of an application on another connection', async () => {
    const guard = mesh.guard(cluster, [real().target]);
    await writer.set(name, [instance]);
    await mesh.sees(cluster, [{ ...other, weight: 100 }, real()]);
    await writer.set(name, [{ ...instance, weight: 0.25, metadata: { zone: 'hz-b' } }]);
    await mesh.sees(cluster, [{ ...other, weight: 25, locality: 'hz-b' }, real()]);
    await writer.set(name, [{ ...instance, healthy: false }]);
    await mesh.sees(cluster, [real()]);
    await writer.set(name, [instance]);
    await mesh.sees(cluster, [other, real()]);
    await writer.set(name, [{ ...instance, enabled: false }]);
    await mesh.sees(cluster, [real()]);
    await writer.set(name, [instance]);
    await mesh.sees(cluster, [other, real()]);
    guard.verify();
  });

  it('loses an application, and it alone, when its connection ends', async () => {
    const guard = mesh.guard(cluster, [real().target]);
    writer.close();
    await mesh.sees(cluster, [real()]);
    guard.verify();
  });

  it('loses nothing while Isthmus restarts, and follows it again', () =>
    restartIsthmus(
      {
        ...{ mesh, cluster, live: [real().target] },
        change: async () => undefined,
        expected: [real()],
      },
      'kill',
    ));

  it('loses nothing while Nacos restarts, and follows it again', () =>
    restartRegistry(nacos, 'nacos-hz', {
      ...{ mesh, cluster, live: [real().target] },
      change: async () => undefined,
      expected: [real()],
    }));

  it('keeps the cluster with no endpoint when the last instance has gone', () =>
    loseLast({ mesh, cluster, change: () => app.stop() }));
});

async function login({ url, auth }: NacosServer): Promise<string> {
  const { body } = await http(`${url}/v3/auth/user/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ username: auth?.user ?? '', password: auth?.password ?? '' }).toString(),
  });
  return (JSON.parse(body) as { accessToken: string }).accessToken;
}
