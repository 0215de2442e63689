import assert from 'node:assert/strict';
import { Agent, request } from 'undici';
import { type EnvoyServer, startEnvoy } from '../../servers/envoy.js';
import { pickPorts } from '../../servers/ports.js';
import { poll } from '../../support/poll.js';
import { MemoryCatalog } from '../support/memory-catalog.js';
import { catalogService } from '../support/services.js';
import { type Backend, startBackend } from './support/backend.js';
import { type RunningXds, runXds } from './support/running-xds.js';

interface Answer {
  readonly status: number;
  readonly body: string;
}

for (const delta of [false, true]) {
  describe(`a real Envoy at the edge, HTTP, ${delta ? 'delta' : 'state of the world'}`, () => {
    const catalog = new MemoryCatalog();
    const agent = new Agent({ connections: 16 });
    let xds: RunningXds;
    let envoy: EnvoyServer;
    let port: number;
    let backends: Backend[];

    before(async () => {
      const ports = await pickPorts(2);
      [port = 0] = ports;
      backends = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startBackend(name, name === 'd' ? 50 : 2)));
      const [a, b] = backends as [Backend, Backend, Backend, Backend];
      catalog.put(catalogService('orders.legacy', [a.instance(), b.instance()]));
      xds = await runXds(catalog, {
        gateways: [
          {
            name: 'edge',
            domain: 'example.com',
            listeners: [{ name: 'web', listen: `127.0.0.1:${port}`, protocol: 'http' }],
            services: { exclude: ['secret.*'] },
            rules: [{ hosts: ['cart.legacy'], domains: ['shop.example.com'], paths: ['/cart'], stripPath: true }],
          },
          { name: 'other', listeners: [{ name: 'web', listen: `127.0.0.1:${ports[1]}`, protocol: 'http' }] },
        ],
      });
      envoy = await startEnvoy({ ads: xds.address, cluster: 'edge', delta });
      await envoy.untilListening(port);
    });
    after(async () => {
      await agent.close();
      await envoy?.stop();
      await xds?.stop();
      await Promise.all(backends.map((backend) => backend.close()));
    });

    const get = async (host: string, path = '/', method: 'GET' | 'POST' = 'GET'): Promise<Answer> => {
      const answer = await request(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { host },
        dispatcher: agent,
        ...(method === 'POST' && { body: 'x' }),
      });
      return { status: answer.statusCode, body: await answer.body.text() };
    };
    const untilAnswered = (host: string, path: string, wanted: (answer: Answer) => boolean) =>
      poll(async () => wanted(await get(host, path)), { what: `the wanted answer of ${host}${path}` });

    it('routes by host, also below the domain and with a port, and answers 404 for others', async () => {
      await untilAnswered('orders.legacy', '/', ({ status }) => status === 200);
      assert.match((await get('orders.legacy', '/x?y=1')).body, /^[ab] GET \/x\?y=1$/);
      assert.equal((await get('orders.legacy.example.com:8080')).status, 200);
      assert.equal((await get('nobody.legacy')).status, 404);
    });

    it('exposes what the gateway includes and takes back what the catalog drops', async () => {
      const [a] = backends as [Backend];
      catalog.put(catalogService('secret.legacy', [a.instance()]), catalogService('short.legacy', [a.instance()]));
      await untilAnswered('short.legacy', '/', ({ status }) => status === 200);
      assert.equal((await get('secret.legacy')).status, 404);
      catalog.remove('short.legacy', 'secret.legacy');
      await untilAnswered('short.legacy', '/', ({ status }) => status === 404);
      await poll(async () => !(await envoy.clusters()).some(({ name }) => name.includes('short')), {
        what: 'the cluster to be gone',
      });
      const names = (await envoy.clusters()).map(({ name }) => name);
      assert.deepEqual(
        names.filter((name) => name.startsWith('other/')),
        [],
      );
    });

    it('gives a service the paths of a shared name, without their prefix', async () => {
      const [a] = backends as [Backend];
      catalog.put(catalogService('cart.legacy', [a.instance()]));
      await untilAnswered('shop.example.com', '/cart/1', ({ status }) => status === 200);
      assert.equal((await get('shop.example.com', '/cart/1/2?z=3')).body, 'a GET /1/2?z=3');
      assert.equal((await get('shop.example.com', '/cart')).body, 'a GET /');
      assert.equal((await get('shop.example.com', '/cartoon')).status, 404);
      catalog.remove('cart.legacy');
    });

    it('shares requests by weight', async () => {
      const [a, b, c] = backends as [Backend, Backend, Backend];
      catalog.put(
        catalogService('orders.legacy', [
          a.instance({ weight: 100 }),
          b.instance({ weight: 300 }),
          c.instance({ weight: 0 }),
        ]),
      );
      await poll(async () => {
        const cluster = (await envoy.clusters()).find(({ name }) => name === 'edge/orders.legacy:80');
        return cluster?.host_statuses?.some(({ weight }) => weight === 300);
      });
      const counts = { a: 0, b: 0, c: 0 };
      for (let round = 0; round < 40; round++) {
        const answers = await Promise.all(Array.from({ length: 10 }, () => get('orders.legacy')));
        for (const { body } of answers) counts[body[0] as 'a' | 'b' | 'c']++;
      }
      assert.equal(counts.c, 0);
      assert.ok(Math.abs(counts.b / 400 - 0.75) < 0.03, JSON.stringify(counts));
    });

    it('fails no request while instances drain, go, come and restart', async () => {
      const [a, b, c, d] = backends as [Backend, Backend, Backend, Backend];
      const failures: Answer[] = [];
      let answered = 0;
      const stop = new AbortController();
      const callers = Array.from({ length: 8 }, async (_, caller) => {
        while (!stop.signal.aborted) {
          const answer = await get('orders.legacy', '/', caller % 2 === 0 ? 'GET' : 'POST');
          answered++;
          if (answer.status !== 200) failures.push(answer);
        }
      });
      const moreRequests = async () => {
        const before = answered;
        await poll(() => answered > before + 50, { what: 'requests to go on' });
      };
      const publish = async (...instances: ReturnType<Backend['instance']>[]) => {
        catalog.put(catalogService('orders.legacy', instances));
        await untilServed(
          envoy,
          instances.map(({ health, ports }) => `${ports['http']} ${health}`),
        );
        await moreRequests();
      };
      await publish(a.instance(), b.instance(), d.instance());
      // The slow one leaves: first draining, while most others are unwell, then gone, then its process ends.
      const unwell = [b, c].map((backend) => backend.instance({ health: 'unhealthy' }));
      await publish(a.instance(), ...unwell, d.instance({ health: 'draining' }));
      const requests = () => [b, c, d].map((backend) => backend.requests);
      const before = requests();
      await moreRequests();
      assert.deepEqual(requests(), before, 'one that is unwell or leaves was sent requests');
      await publish(a.instance(), b.instance());
      await d.close();
      // A rolling restart with no draining: deregistered, ended when its last answer is out, replaced by another.
      await publish(b.instance(), c.instance());
      await a.close();
      await publish(c.instance());
      await b.close();
      const again = await startBackend('a', 2);
      backends.push(again);
      await publish(c.instance(), again.instance());
      await publish(again.instance());
      await c.close();
      stop.abort();
      await Promise.all(callers);
      assert.deepEqual(failures, []);
      assert.ok(answered > 400, `${answered}`);
    });

    it('refused nothing of it all', async () => {
      assert.equal(await envoy.rejected(), 0);
      assert.deepEqual(
        xds.warnings.filter(({ msg }) => msg.includes('refused')),
        [],
      );
      const { clients } = xds.sink.status();
      assert.deepEqual(
        clients.map(({ cluster, form }) => ({ cluster, form })),
        [{ cluster: 'edge', form: delta ? 'delta' : 'sotw' }],
      );
      const explained = xds.sink.explain('orders.legacy');
      assert.deepEqual(
        explained?.clients.map(({ state }) => state),
        ['acked'],
      );
    });
  });
}

/** Waits until the endpoints of the service are these, as `PORT health`. */
async function untilServed(envoy: EnvoyServer, wanted: readonly string[]): Promise<void> {
  const wish = [...wanted].sort().join();
  await poll(
    async () => {
      const cluster = (await envoy.clusters()).find(({ name }) => name === 'edge/orders.legacy:80');
      const has = (cluster?.host_statuses ?? []).map(({ address, health_status }) => {
        const health = (health_status.eds_health_status ?? 'HEALTHY').toLowerCase();
        return `${address.socket_address.port_value} ${health}`;
      });
      return has.sort().join() === wish;
    },
    { what: `the endpoints ${wish}` },
  );
}
