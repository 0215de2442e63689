import assert from 'node:assert/strict';
import { Agent, request } from 'undici';
import { Any } from '../../../proto/gen/any.js';
import { Cluster, Cluster_DiscoveryType } from '../../../proto/gen/envoy_cluster.js';
import { ApiVersion } from '../../../proto/gen/envoy_core.js';
import { ClusterLoadAssignment } from '../../../proto/gen/envoy_endpoint.js';
import { clusterType, endpointType } from '../../../sinks/grpc/push-order.js';
import type { XdsChange } from '../../../sinks/grpc/xds-resource.js';
import { type EnvoyServer, startEnvoy } from '../../servers/envoy.js';
import { pickPort } from '../../servers/ports.js';
import { poll } from '../../support/poll.js';
import { startXdsServer } from '../support/xds-server.js';
import { type Backend, startBackend } from '../xds/support/backend.js';

function change(typeUrl: string, name: string, version: string, value: Uint8Array): XdsChange {
  const any = Buffer.from(Any.encode({ typeUrl, value: Buffer.from(value) }).finish());
  return { kind: 'set', resource: { typeUrl, name, version, any, wildcard: 'none' } };
}

/** A cluster that nobody gets who does not ask for it, and its endpoint. */
function cluster(name: string, port: number): XdsChange[] {
  const edsConfig = { ads: {}, resourceApiVersion: ApiVersion.V3 };
  const own = Cluster.fromPartial({
    name,
    type: Cluster_DiscoveryType.EDS,
    edsClusterConfig: { edsConfig },
    connectTimeout: { seconds: 1, nanos: 0 },
  });
  const address = { socketAddress: { address: '127.0.0.1', portValue: port } };
  const endpoints = ClusterLoadAssignment.fromPartial({
    clusterName: name,
    endpoints: [{ lbEndpoints: [{ endpoint: { address } }] }],
  });
  return [
    change(clusterType, name, `v${port}`, Cluster.encode(own).finish()),
    change(endpointType, name, `v${port}`, ClusterLoadAssignment.encode(endpoints).finish()),
  ];
}

/** An Envoy that asks for the cluster that a request's header names, and for no other. */
function onDemandListener(port: number) {
  const extension = (name: string, type: string, config: object) => ({
    name,
    typed_config: { '@type': `type.googleapis.com/envoy.extensions.filters.${type}`, ...config },
  });
  // Longer than the test may take: who is not told that there is no such cluster waits for ever.
  const odcds = { source: { ads: {}, resource_api_version: 'V3' }, timeout: '600s' };
  const hosts = [
    { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster_header: 'x-cluster' } }] },
  ];
  const manager = extension('hcm', 'network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'on_demand',
    route_config: { name: 'local', virtual_hosts: hosts },
    http_filters: [
      extension('envoy.filters.http.on_demand', 'http.on_demand.v3.OnDemand', { odcds }),
      extension('envoy.filters.http.router', 'http.router.v3.Router', {}),
    ],
  });
  return {
    name: 'web',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [manager] }],
  };
}

describe('a real Envoy that asks for clusters on demand', function () {
  this.timeout(60_000);
  const agent = new Agent();
  let running: Awaited<ReturnType<typeof startXdsServer>>;
  let backends: Backend[];
  let envoy: EnvoyServer;
  let port: number;

  before(async () => {
    backends = [await startBackend('a'), await startBackend('b')];
    running = await startXdsServer();
    const [a, b] = backends as [Backend, Backend];
    running.cache.apply([...cluster('orders', a.port), ...cluster('pay', b.port)]);
    port = await pickPort();
    envoy = await startEnvoy({
      ads: running.address,
      cluster: 'edge',
      delta: true,
      listeners: [onDemandListener(port)],
    });
    await envoy.untilListening(port);
  });
  after(async () => {
    await agent.close();
    await envoy?.stop();
    await running?.server.close();
    await Promise.all(backends.map((backend) => backend.close()));
  });

  async function get(name: string): Promise<string> {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}/`, {
      headers: { 'x-cluster': name },
      dispatcher: agent,
    });
    return `${statusCode} ${await body.text()}`;
  }

  const subscribed = () =>
    running.server.clients()[0]?.types.find(({ typeUrl }) => typeUrl === clusterType)?.subscribed;

  it('has the one that a request is for, with its endpoints, and no other', async () => {
    assert.equal(await get('orders'), '200 a GET /');
    assert.equal(subscribed(), 1);
    const names = (await envoy.clusters()).map(({ name }) => name);
    assert.ok(names.includes('orders') && !names.includes('pay'), names.join());
  });

  it('is told at once that there is none, and gets it when there is', async () => {
    assert.match(await get('later'), /^503/);
    const [, b] = backends as [Backend, Backend];
    running.cache.apply(cluster('later', b.port));
    await poll(async () => (await get('later')) === '200 b GET /', { what: 'the cluster to be there' });
  });

  it('follows a cluster that changes, and one that goes', async () => {
    const [, b] = backends as [Backend, Backend];
    running.cache.apply(cluster('orders', b.port));
    await poll(async () => (await get('orders')) === '200 b GET /', { what: 'the other instance' });
    running.cache.apply([
      { kind: 'delete', typeUrl: clusterType, name: 'orders' },
      { kind: 'delete', typeUrl: endpointType, name: 'orders' },
    ]);
    await poll(async () => !(await envoy.clusters()).some(({ name }) => name === 'orders'), {
      what: 'the cluster to be gone',
    });
    assert.equal(await envoy.rejected(), 0);
  });
});
