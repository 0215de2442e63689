import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { ConsulWriter } from '../adapters/consul/consul-writer.js';
import { Registrations } from '../adapters/kubernetes/registrations.js';
import { type ConsulServer, startConsul } from '../servers/consul.js';
import { type IstiodServer, startIstiod } from '../servers/istiod.js';
import { type KubeServer, startKube } from '../servers/kube.js';
import { AdsClient } from '../support/ads-client.js';
import { http } from '../support/http.js';
import { KubeWriter } from '../support/kube-writer.js';
import { poll } from '../support/poll.js';
import { EndpointGuard } from './support/endpoint-guard.js';
import { type Isthmus, startIsthmus } from './support/isthmus.js';
import { clusterOf } from './support/mesh.js';

const entries = '/apis/networking.istio.io/v1/namespaces/legacy/serviceentries';

/** A legacy service in Consul, and one of a cluster, become ServiceEntries in a cluster whose istiod reads nothing else. */
for (const endpoints of ['inline', 'workload-entries'] as const) {
  describe(`Consul and Kubernetes to istiod by way of a cluster, endpoints ${endpoints}`, function () {
    this.timeout(300_000);
    const legacy = clusterOf('orders.consul');
    const native = clusterOf('stock.shop.kubernetes');
    let kube: KubeServer;
    let writer: KubeWriter;
    let registrations: Registrations;
    let consul: ConsulServer;
    let consulWriter: ConsulWriter;
    let isthmus: Isthmus;
    let istiod: IstiodServer;
    let sidecar: AdsClient;

    const register = (id: string, address: string) =>
      consulWriter.register({ name: 'orders', id, address, port: 8080, status: 'pass' });

    before(async () => {
      [kube, consul] = await Promise.all([startKube(), startConsul()]);
      writer = new KubeWriter(kube);
      consulWriter = new ConsulWriter(consul);
      for (const namespace of ['legacy', 'shop', 'istio-system']) await writer.namespace(namespace);
      await writer.installIstio();
      registrations = new Registrations(writer, 'shop');
      await registrations.instance('stock', 'a', '10.8.0.1', 8080);
      await register('a', '10.1.0.1');
      await register('b', '10.1.0.2');
      isthmus = await startIsthmus({
        sources: [
          { name: 'consul-bj', kind: 'consul', servers: [consul.url] },
          { name: 'k8s-bj', kind: 'kubernetes', kubeconfig: kube.kubeconfig, namespaces: ['shop'] },
        ],
        sinks: [
          {
            ...{ kind: 'kubernetes', kubeconfig: kube.kubeconfig, endpoints, writesPerSecond: 200 },
            emptyServices: { keepMs: 0 },
          },
        ],
      });
      istiod = await startIstiod({ configSources: [], kubeconfig: kube.kubeconfig });
      sidecar = new AdsClient(istiod.adsAddress);
    });

    after(async () => {
      sidecar?.close();
      consulWriter?.close();
      await istiod?.stop();
      await isthmus?.stop();
      await writer?.close();
      await consul?.stop();
      await kube?.stopAll();
    });

    const sees = (cluster: string, targets: readonly string[], timeoutMs = 30_000) =>
      sidecar.waitForEndpoints(
        cluster,
        (found) => isDeepStrictEqual(found.map(({ target }) => target).sort(), [...targets].sort()),
        { timeoutMs },
      );
    const versions = async (): Promise<ReadonlyMap<string, unknown>> => {
      const all = await Promise.all(
        [entries, entries.replace('serviceentries', 'workloadentries')].map((collection) => writer.list(collection)),
      );
      return new Map(all.flat().map(({ metadata }) => [metadata.name, metadata['resourceVersion']]));
    };
    const sinkStatus = async (): Promise<Record<string, unknown> | undefined> => {
      const { body } = await http(`${isthmus.url}/api/v1/sinks`);
      return (JSON.parse(body) as { items: Record<string, unknown>[] }).items.find(({ kind }) => kind === 'kubernetes');
    };

    it('shows a sidecar the instances of both', async () => {
      await sees(legacy, ['10.1.0.1:8080', '10.1.0.2:8080'], 60_000);
      await sees(native, ['10.8.0.1:8080']);
      const made = await writer.list(entries);
      assert.deepEqual(made.map(({ metadata }) => metadata.name).sort(), ['orders.consul', 'stock.shop.kubernetes']);
      const { body } = await http(`${istiod.url}/debug/endpointz`);
      assert.ok(body.includes('10.1.0.1') && body.includes('10.8.0.1'));
    });

    it('lets it see instances come and go, and loses no other meanwhile', async () => {
      const guard = new EndpointGuard(sidecar, legacy, ['10.1.0.1:8080']);
      await register('c', '10.1.0.3');
      await sees(legacy, ['10.1.0.1:8080', '10.1.0.2:8080', '10.1.0.3:8080']);
      await consulWriter.deregister('b');
      await sees(legacy, ['10.1.0.1:8080', '10.1.0.3:8080']);
      await registrations.instance('stock', 'b', '10.8.0.2', 8080);
      await sees(native, ['10.8.0.1:8080', '10.8.0.2:8080']);
      await registrations.instance('stock', 'a', '10.8.0.1', 8080, false);
      await sees(native, ['10.8.0.2:8080']);
      guard.verify();
    });

    it('rewrites nothing when the daemon is restarted', async () => {
      const before = await versions();
      await isthmus.restart();
      await poll(async () => {
        const status = await sinkStatus();
        return status?.['desired'] === before.size && status['pending'] === 0 && status['owned'] === before.size;
      });
      assert.deepEqual(await versions(), before);
    });

    it('brings the cluster to what Consul says after the API was away', async () => {
      const guard = new EndpointGuard(sidecar, legacy, ['10.1.0.1:8080']);
      await kube.kill();
      await register('d', '10.1.0.4');
      await consulWriter.deregister('c');
      await isthmus.sourceIs('k8s-bj', 'degraded');
      await kube.start();
      await sees(legacy, ['10.1.0.1:8080', '10.1.0.4:8080'], 90_000);
      await isthmus.sourceIs('k8s-bj', 'fresh');
      await sees(native, ['10.8.0.2:8080']);
      guard.verify();
    });

    it('tells of it in metrics, status and why', async () => {
      const { body } = await http(`${isthmus.url}/metrics`);
      const own = body.split('\n').filter((line) => line.startsWith('isthmus_kubernetes_'));
      assert.ok(own.includes('isthmus_kubernetes_connected{sink="kubernetes"} 1'), own.join('\n'));
      const written =
        /^isthmus_kubernetes_writes_total\{sink="kubernetes",verb="(?:create|update)",result="ok"\} [1-9]/;
      assert.ok(
        own.some((line) => written.test(line)),
        own.join('\n'),
      );
      const status = await sinkStatus();
      assert.deepEqual(status?.['connection'], { state: 'connected' });
      const why = await http(`${isthmus.url}/api/v1/why?target=orders.consul`);
      assert.match(why.body, /ServiceEntry\/legacy\/orders\.consul/);
    });
  });
}
