import assert from 'node:assert/strict';
import { AdsClient } from '../support/ads-client.js';
import { ConfigSource } from '../support/config-source.js';
import { type IstiodServer, startIstiod } from './istiod.js';
import { pickPort } from './ports.js';

const HTTP_PORT = { number: 8080, protocol: 'HTTP', name: 'http', targetPort: 0 };

function serviceEntry(host: string, addresses: readonly string[]) {
  return {
    hosts: [host],
    ports: [HTTP_PORT],
    location: 1,
    resolution: 1,
    endpoints: addresses.map((address, index) => ({
      address,
      ports: { http: 9000 + index },
      labels: { version: 'v1' },
      network: '',
      locality: 'hz/a',
      weight: 10 * (index + 1),
      serviceAccount: '',
    })),
  };
}

describe('a real istiod', function () {
  this.timeout(180_000);
  const source = new ConfigSource();
  let istiod: IstiodServer;
  let sidecar: AdsClient;
  const cluster = 'outbound|8080||orders.legacy';

  before(async () => {
    const port = await pickPort();
    await source.listen(port);
    source.publish({ 'legacy/orders': serviceEntry('orders.legacy', ['10.1.0.1']) });
    istiod = await startIstiod({ configSources: [`xds://127.0.0.1:${port}`] });
    sidecar = new AdsClient(istiod.adsAddress);
  });

  after(async () => {
    sidecar?.close();
    await istiod?.stop();
    source.close();
  });

  it('shows a sidecar the endpoints of a service entry', async () => {
    const endpoints = await sidecar.waitForEndpoints(cluster, ({ length }) => length === 1);
    assert.deepEqual(endpoints, [
      {
        address: '10.1.0.1',
        port: 9000,
        target: '10.1.0.1:9000',
        health: 'UNKNOWN',
        weight: 10,
        locality: 'hz/a',
        priority: 0,
      },
    ]);
  });

  it('passes changes on, the last endpoint gone and the service gone included', async () => {
    source.publish({ 'legacy/orders': serviceEntry('orders.legacy', ['10.1.0.1', '10.1.0.2']) });
    const two = await sidecar.waitForEndpoints(cluster, ({ length }) => length === 2);
    assert.deepEqual(two.map(({ target, weight }) => [target, weight]).sort(), [
      ['10.1.0.1:9000', 10],
      ['10.1.0.2:9001', 20],
    ]);
    source.publish({ 'legacy/orders': serviceEntry('orders.legacy', []) });
    await sidecar.waitForEndpoints(cluster, ({ length }) => length === 0);
    assert.ok(sidecar.clusters.has(cluster));
    source.publish({});
    await sidecar.waitForCluster(cluster, { present: false });
  });

  it('comes back after a restart, and the sidecar with it', async () => {
    source.publish({ 'legacy/orders': serviceEntry('orders.legacy', ['10.1.0.3']) });
    await sidecar.waitForEndpoints(cluster, (list) => list[0]?.address === '10.1.0.3');
    const { pid } = istiod;
    await istiod.restart();
    assert.notEqual(istiod.pid, pid);
    source.publish({ 'legacy/orders': serviceEntry('orders.legacy', ['10.1.0.4']) });
    await sidecar.waitForEndpoints(cluster, (list) => list[0]?.address === '10.1.0.4');
  });

  it('refuses to start without its config source', async () => {
    const absent = await pickPort();
    await assert.rejects(startIstiod({ configSources: [`xds://127.0.0.1:${absent}`] }), /did not start: it ended/);
  });
});
