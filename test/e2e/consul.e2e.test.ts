import { ConsulWriter } from '../adapters/consul/consul-writer.js';
import { type ConsulServer, startConsul } from '../servers/consul.js';
import { poll } from '../support/poll.js';
import { clusterOf, Mesh } from './support/mesh.js';
import { loseLast, restartIsthmus, restartIsthmusAlone, restartRegistry } from './support/plots.js';

const cluster = clusterOf('orders.consul');

describe('Consul, as a sidecar sees it', function () {
  this.timeout(180_000);
  let consul: ConsulServer;
  let writer: ConsulWriter;
  let mesh: Mesh;

  const register = (index: number, change: object = {}) =>
    writer.register({
      ...{ name: 'orders', id: `orders-${index}`, address: `10.8.0.${index}`, port: 8080, status: 'pass' },
      ...change,
    });
  const a = { target: '10.8.0.1:8080' };
  const b = { target: '10.8.0.2:8080' };
  const c = { target: '10.8.0.3:8080' };

  before(async () => {
    consul = await startConsul();
    writer = new ConsulWriter(consul);
    await register(1);
    mesh = await Mesh.start({ sources: [{ name: 'consul-bj', kind: 'consul', servers: [consul.url] }] });
  });

  after(async () => {
    await mesh?.stop();
    writer?.close();
    await consul?.stop();
  });

  it('shows instances that the npm client registers', async () => {
    await mesh.sees(cluster, [{ ...a, weight: 100 }]);
    await register(2);
    await mesh.sees(cluster, [a, b]);
  });

  it('follows weight and metadata', async () => {
    const guard = mesh.guard(cluster, [a.target, b.target]);
    await register(2, { weights: { passing: 30, warning: 1 }, meta: { zone: 'bj-a', version: 'v2' } });
    await mesh.sees(cluster, [
      { ...a, weight: 100 },
      { ...b, weight: 3000, locality: 'dc1/bj-a' },
    ]);
    await poll(async () => (await mesh.labels('orders.consul'))['10.8.0.2']?.['version'] === 'v2');
    await register(2);
    await mesh.sees(cluster, [a, { ...b, weight: 100 }]);
    guard.verify();
  });

  it('follows health: a failing check takes the endpoint away, a passing one brings it back', async () => {
    const guard = mesh.guard(cluster, [a.target]);
    await writer.check('orders-2', 'fail');
    await mesh.sees(cluster, [a]);
    await writer.check('orders-2', 'pass');
    await mesh.sees(cluster, [a, b]);
    await writer.client.agent.service.maintenance({ id: 'orders-2', enable: true });
    await mesh.sees(cluster, [a]);
    await writer.client.agent.service.maintenance({ id: 'orders-2', enable: false });
    await mesh.sees(cluster, [a, b]);
    guard.verify();
  });

  it('follows a deregistration', async () => {
    const guard = mesh.guard(cluster, [a.target]);
    await writer.deregister('orders-2');
    await mesh.sees(cluster, [a]);
    await register(2);
    await mesh.sees(cluster, [a, b]);
    guard.verify();
  });

  it('loses nothing while Consul restarts, and follows it again', () =>
    restartRegistry(consul, 'consul-bj', {
      ...{ mesh, cluster, live: [a.target, b.target] },
      change: () => register(3),
      expected: [a, b, c],
    }));

  for (const how of ['stop', 'kill'] as const) {
    it(`loses nothing while Isthmus restarts (${how}), and gets what changed meanwhile`, () =>
      restartIsthmus(
        {
          ...{ mesh, cluster, live: [a.target, b.target] },
          change: () => (how === 'stop' ? writer.deregister('orders-3') : register(3)),
          expected: how === 'stop' ? [a, b] : [a, b, c],
        },
        how,
      ));
  }

  it('loses nothing when Isthmus starts while Consul is away', () =>
    restartIsthmusAlone(consul, {
      ...{ mesh, cluster, live: [a.target, b.target] },
      change: () => writer.deregister('orders-3'),
      expected: [a, b],
    }));

  it('keeps the cluster with no endpoint when the last instance has gone', () =>
    loseLast({
      ...{ mesh, cluster },
      change: async () => {
        for (const index of [1, 2, 3]) await writer.deregister(`orders-${index}`);
      },
    }));
});
