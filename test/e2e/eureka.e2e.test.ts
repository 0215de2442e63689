import { EurekaWriter } from '../adapters/eureka/eureka-writer.js';
import { type EurekaServer, startEureka } from '../servers/eureka.js';
import { type SpringCloudApp, startSpringCloudApp } from '../servers/spring-cloud.js';
import { poll } from '../support/poll.js';
import { clusterOf, Mesh } from './support/mesh.js';
import { loseLast, restartIsthmus, restartRegistry } from './support/plots.js';

const cluster = clusterOf('order-service.eureka');

describe('Spring Cloud on Eureka, as a sidecar sees it', function () {
  this.timeout(240_000);
  let eureka: EurekaServer;
  let writer: EurekaWriter;
  let app: SpringCloudApp;
  let mesh: Mesh;

  const register = (index: number, change: object = {}) =>
    writer.register('ORDER-SERVICE', { id: `i${index}`, address: `10.7.0.${index}`, port: 8080, ...change });
  const real = () => ({ target: `127.0.0.1:${app.port}` });
  const a = { target: '10.7.0.1:8080' };
  const b = { target: '10.7.0.2:8080' };

  before(async () => {
    eureka = await startEureka();
    writer = new EurekaWriter(eureka.url);
    app = await startSpringCloudApp({
      registry: { kind: 'eureka', url: eureka.url },
      application: 'order-service',
      metadata: { zone: 'bj-a', version: '1.2' },
    });
    mesh = await Mesh.start({
      sources: [{ name: 'eureka-bj', kind: 'eureka', servers: [eureka.url], intervalMs: 1000 }],
    });
  });

  after(async () => {
    await mesh?.stop();
    await app?.stop();
    await eureka?.stop();
  });

  it('shows a real Spring Cloud application, with zone and labels', async () => {
    await mesh.sees(cluster, [{ ...real(), weight: 100, locality: 'bj-a' }]);
    await poll(async () => (await mesh.labels('order-service.eureka'))['127.0.0.1']?.['version'] === '1.2');
  });

  it('follows its status: OUT_OF_SERVICE takes the endpoint away, an end of the override brings it back', async () => {
    await register(1);
    await mesh.sees(cluster, [a, real()]);
    const guard = mesh.guard(cluster, [a.target]);
    await app.setStatus('OUT_OF_SERVICE');
    await mesh.sees(cluster, [a]);
    await app.setStatus('CANCEL_OVERRIDE');
    await mesh.sees(cluster, [a, real()]);
    guard.verify();
  });

  it('follows weight and metadata', async () => {
    const guard = mesh.guard(cluster, [a.target, real().target]);
    await register(1, { metadata: { weight: '0.3', zone: 'bj-b' } });
    await mesh.sees(cluster, [{ ...a, weight: 30, locality: 'bj-b' }, real()]);
    await writer.setMetadata('ORDER-SERVICE', 'i1', 'zone', 'bj-c');
    await mesh.sees(cluster, [{ ...a, locality: 'bj-c' }, real()]);
    guard.verify();
  });

  it('follows an instance that comes and goes', async () => {
    const guard = mesh.guard(cluster, [real().target, a.target]);
    await register(2);
    await mesh.sees(cluster, [a, b, real()]);
    await writer.deregister('ORDER-SERVICE', 'i2');
    await mesh.sees(cluster, [a, real()]);
    guard.verify();
  });

  for (const how of ['stop', 'kill'] as const) {
    it(`loses nothing while Isthmus restarts (${how}), and gets what changed meanwhile`, () =>
      restartIsthmus(
        {
          ...{ mesh, cluster, live: [real().target] },
          change: () => (how === 'stop' ? writer.deregister('ORDER-SERVICE', 'i1') : register(1)),
          expected: how === 'stop' ? [real()] : [a, real()],
        },
        how,
      ));
  }

  it('loses nothing while Eureka restarts with an empty memory, and follows it again', async () => {
    await writer.deregister('ORDER-SERVICE', 'i1');
    await mesh.sees(cluster, [real()]);
    await restartRegistry(eureka, 'eureka-bj', {
      ...{ mesh, cluster, live: [real().target] },
      change: () => register(2),
      expected: [b, real()],
    });
  });

  it('keeps the cluster with no endpoint when the last instance has gone', () =>
    loseLast({
      ...{ mesh, cluster },
      change: async () => {
        await writer.deregister('ORDER-SERVICE', 'i2');
        await app.stop();
      },
    }));
});
