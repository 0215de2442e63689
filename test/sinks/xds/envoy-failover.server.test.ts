import assert from 'node:assert/strict';
import { type EnvoyServer, startEnvoy } from '../../servers/envoy.js';
import { pickPort } from '../../servers/ports.js';
import { http } from '../../support/http.js';
import { poll } from '../../support/poll.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { catalogService } from '../support/services.js';
import { type Backend, startBackend } from './support/backend.js';
import { type RunningXds, runXds } from './support/running-xds.js';

const zone = (name: string) => ({ locality: { region: 'cn', zone: name, subzone: '' } });

describe('a real Envoy at the edge, with instances near and far', () => {
  const catalog = new MemoryCatalog();
  let backends: Backend[];
  let near: Backend;
  let nearToo: Backend;
  let far: Backend;
  let xds: RunningXds;
  let envoy: EnvoyServer;
  let port: number;

  before(async () => {
    port = await pickPort();
    backends = await Promise.all(['near', 'near-too', 'far'].map((name) => startBackend(name)));
    [near, nearToo, far] = backends as [Backend, Backend, Backend];
    catalog.put(
      catalogService('orders.legacy', [
        near.instance(zone('hz')),
        nearToo.instance(zone('hz')),
        far.instance(zone('bj')),
      ]),
    );
    xds = await runXds(catalog, {
      gateways: [
        {
          name: 'edge',
          locality: 'cn/hz',
          upstream: { outlierDetection: { consecutiveErrors: 2, intervalMs: 200, maxEjectionPercent: 100 } },
          listeners: [{ name: 'web', listen: `127.0.0.1:${port}`, protocol: 'http' }],
        },
      ],
    });
    envoy = await startEnvoy({ ads: xds.address, cluster: 'edge' });
    await envoy.untilListening(port);
    await poll(async () => (await get()).status === 200);
  });
  after(async () => {
    await envoy?.stop();
    await xds?.stop();
    await Promise.all(backends.map((backend) => backend.close()));
  });

  const get = () => http(`http://127.0.0.1:${port}/`, { headers: { host: 'orders.legacy' } });
  const answerers = async (requests: number): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (let request = 0; request < requests; request++) {
      const { status, body } = await get();
      const name = status === 200 ? (body.split(' ')[0] ?? '') : `status ${status}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };

  it('keeps to those that are near', async () => {
    const counts = await answerers(40);
    assert.deepEqual(Object.keys(counts).sort(), ['near', 'near-too']);
  });

  it('sends far as much as is missing near, by the health that the registry tells', async () => {
    const unwell = nearToo.instance({ ...zone('hz'), health: 'unhealthy' });
    catalog.put(catalogService('orders.legacy', [near.instance(zone('hz')), unwell, far.instance(zone('bj'))]));
    await poll(async () => (await answerers(20))['far'] !== undefined, { what: 'requests to go far' });
    // Half is well: 50 % × 1.4, Envoy's overprovisioning, stays near.
    const { near: stayed = 0, far: went = 0, ...others } = await answerers(300);
    assert.deepEqual(others, {});
    assert.ok(Math.abs(stayed / 300 - 0.7) < 0.08, `${stayed} : ${went}`);
  });

  it('fails no request when one instance of two dies without a word, and goes far when both have', async () => {
    const all = [near, nearToo].map((backend) => backend.instance(zone('hz')));
    catalog.put(catalogService('orders.legacy', [...all, far.instance(zone('bj'))]));
    await poll(async () => (await answerers(20))['near-too'] !== undefined);
    await poll(async () => (await answerers(20))['far'] === undefined);
    await near.close();
    assert.deepEqual(
      Object.keys(await answerers(60)).filter((name) => name.startsWith('status')),
      [],
    );
    await nearToo.close();
    await poll(async () => (await answerers(10))['far'] === 10, { what: 'all requests to go far' });
  });
});
