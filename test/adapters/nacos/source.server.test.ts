import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, afterEach, before, describe, it } from 'mocha';
import type { Service } from '../../../core/model/index.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import type { NacosServer } from '../../servers/nacos.js';
import { startNacos2 } from '../../servers/nacos2.js';
import { startNacos3 } from '../../servers/nacos3.js';
import { http } from '../../support/http.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { makeSource } from './make-source.js';

/** Lets empty services be cleaned away in seconds, not minutes, and names be pushed for few services only. */
const quick = {
  'nacos.naming.push.pushTaskDelay': 20,
  'nacos.naming.clean.empty-service.interval': 500,
  'nacos.naming.clean.empty-service.expired-time': 1500,
  'nacos.naming.fuzzy.watch.max.pattern.match.service.count': 40,
};

const versions = [
  { version: '2.3.2', start: startNacos2, reload: ['GET', '/v2/core/loader/reloadCurrent?count=1'] as const },
  { version: '3.1.0', start: startNacos3, reload: ['POST', '/v3/admin/core/loader/reloadCurrent?count=1'] as const },
];

const key = (service: string, group = 'DEFAULT_GROUP', namespace = 'public') => `${namespace}@@${group}@@${service}`;
const addresses = (service: Service | undefined) => service?.instances.map(({ address }) => address);

for (const { version, start, reload } of versions) {
  describe(`adapters/nacos with Nacos ${version}`, function () {
    this.timeout(120_000);
    let server: NacosServer;
    let writer: NacosWriter;
    const runs: SourceRun[] = [];

    before(async () => {
      server = await start({ config: quick });
      writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
    });

    afterEach(async () => {
      for (const run of runs.splice(0)) await run.stop();
    });

    after(async () => {
      writer?.close();
      await server?.stop();
    });

    const run = (config: Readonly<Record<string, unknown>> = {}): Recorder => {
      const source = makeSource({ servers: [`http://${server.address}`], namespaces: ['public'], ...config });
      const started = new SourceRun(source);
      runs.push(started);
      return started.recorder;
    };

    const synced = async (recorder: Recorder) => {
      await recorder.waitFor(({ synced: done, degradedScopes }) => done && degradedScopes.size === 0, {
        what: 'the first listing',
        deadlineMs: 30_000,
      });
      return recorder;
    };

    const until = (recorder: Recorder, name: string, holds: (service: Service | undefined) => boolean) =>
      recorder.waitFor(({ services }) => holds(services.get(name)), { what: name, deadlineMs: 30_000 });

    it('takes over what an instance says of itself', async () => {
      await writer.set({ service: 'told', group: 'G1' }, [
        { ip: '10.1.0.1', port: 8080, weight: 0.5, clusterName: 'c1', metadata: { zone: 'z1', version: 'v1' } },
        { ip: '10.1.0.2', port: 9090, weight: 0, healthy: false, metadata: { password: 'hidden' } },
        { ip: '10.1.0.3', port: 8080, enabled: false },
        { ip: '169.254.169.254', port: 80 },
      ]);
      const recorder = run();
      await until(recorder, key('told', 'G1'), (service) => service?.instances.length === 2);
      const service = recorder.services.get(key('told', 'G1'));
      assert.deepEqual({ ...service?.attributes }, { name: 'told', group: 'G1', namespace: '' });
      assert.deepEqual(service?.ports, [{ name: 'http', number: 80, protocol: 'http' }]);
      assert.deepEqual(
        service?.instances.map((instance) => ({ ...instance, metadata: { ...instance.metadata } })),
        [
          {
            id: '10.1.0.1:8080@c1',
            address: '10.1.0.1',
            ports: { http: 8080 },
            health: 'healthy',
            weight: 50,
            locality: { region: '', zone: 'z1', subzone: '' },
            metadata: { 'nacos.cluster': 'c1', 'nacos.ephemeral': 'true', zone: 'z1', version: 'v1' },
          },
          {
            id: '10.1.0.2:9090',
            address: '10.1.0.2',
            ports: { http: 9090 },
            health: 'unhealthy',
            weight: 0,
            metadata: { 'nacos.cluster': 'DEFAULT', 'nacos.ephemeral': 'true' },
          },
        ],
      );
      assert.deepEqual(service?.rejected, [{ record: '169.254.169.254:80', reason: 'the address is link-local' }]);
      await writer.set({ service: 'told', group: 'G1' }, []);
    });

    it('publishes a persistent instance and follows the health check of the server', async () => {
      const checked = await listen();
      const instance = { ip: '127.0.0.1', port: checked.port };
      const recorder = await synced(run());
      await writer.setPersistent({ service: 'kept' }, instance);
      await until(recorder, key('kept'), (service) => service?.instances[0]?.health === 'healthy');
      assert.equal(recorder.services.get(key('kept'))?.instances[0]?.metadata['nacos.ephemeral'], 'false');
      await checked.close();
      await until(recorder, key('kept'), (service) => service?.instances[0]?.health === 'unhealthy');
      await writer.setPersistent({ service: 'kept' }, instance, false);
      await until(recorder, key('kept'), (service) => service?.instances.length === 0);
    });

    it('tells services of the same name in two groups and two namespaces apart', async () => {
      const places = [
        { service: 'twin', group: 'DEFAULT_GROUP', namespace: 'public' },
        { service: 'twin', group: 'other', namespace: 'public' },
        { service: 'twin', group: 'DEFAULT_GROUP', namespace: 'gray' },
      ];
      const recorder = await synced(run({ namespaces: ['public', 'gray'] }));
      for (const [index, place] of places.entries()) await writer.set(place, [{ ip: `10.2.0.${index}`, port: 80 }]);
      for (const [index, { service, group, namespace }] of places.entries()) {
        const name = key(service, group, namespace);
        await until(recorder, name, (found) => addresses(found)?.join() === `10.2.0.${index}`);
      }
      await writer.set(places[2] as (typeof places)[number], []);
      await until(recorder, key('twin', 'DEFAULT_GROUP', 'gray'), (found) => found?.instances.length !== 1);
      assert.deepEqual(addresses(recorder.services.get(key('twin'))), ['10.2.0.0']);
      for (const place of places) await writer.set(place, []);
    });

    it('reads only the groups, clusters and services that the configuration names', async () => {
      await writer.setVisibly({ service: 'shop-a', group: 'G2' }, [
        { ip: '10.3.0.1', port: 80 },
        { ip: '10.3.0.2', port: 80, clusterName: 'c2' },
      ]);
      await writer.setVisibly({ service: 'shop-b', group: 'G2' }, [{ ip: '10.3.0.3', port: 80 }]);
      await writer.setVisibly({ service: 'bank', group: 'G2' }, [{ ip: '10.3.0.4', port: 80 }]);
      await writer.setVisibly({ service: 'shop-c', group: 'G3' }, [{ ip: '10.3.0.5', port: 80 }]);
      const recorder = await synced(run({ groups: ['G2'], clusters: ['c2'], include: ['shop-*'], exclude: ['*-b'] }));
      assert.deepEqual([...recorder.services.keys()], [key('shop-a', 'G2')]);
      assert.deepEqual(addresses(recorder.services.get(key('shop-a', 'G2'))), ['10.3.0.2']);
      for (const service of ['shop-a', 'shop-b', 'bank']) await writer.set({ service, group: 'G2' }, []);
      await writer.set({ service: 'shop-c', group: 'G3' }, []);
    });

    it('keeps a service that lost its last instance, until the server forgets it, and takes it back', async () => {
      await writer.setVisibly({ service: 'last' }, [{ ip: '10.4.0.1', port: 80 }]);
      const recorder = await synced(run());
      await writer.set({ service: 'last' }, []);
      await until(recorder, key('last'), (service) => service?.instances.length === 0);
      await recorder.waitFor(({ services }) => !services.has(key('last')), {
        what: 'the empty service to go',
        deadlineMs: 60_000,
      });
      await writer.set({ service: 'last' }, [{ ip: '10.4.0.2', port: 80 }]);
      await until(recorder, key('last'), (service) => addresses(service)?.join() === '10.4.0.2');
      await writer.set({ service: 'last' }, []);
    });

    it('names a Dubbo service by interface, version and group', async () => {
      const provider = (protocol: string) => ({ side: 'provider', protocol, interface: 'shop.Api', weight: '200' });
      await writer.set({ service: 'providers:shop.Api:1.0.0:g1' }, [
        { ip: '10.5.0.1', port: 42880, metadata: provider('dubbo') },
        { ip: '10.5.0.1', port: 42051, metadata: provider('tri') },
      ]);
      await writer.set({ service: 'consumers:shop.Api:1.0.0:g1' }, [{ ip: '10.5.0.9', port: 1 }]);
      const recorder = run();
      await until(recorder, key('providers:shop.Api:1.0.0:g1'), (service) => service?.instances.length === 2);
      const service = recorder.services.get(key('providers:shop.Api:1.0.0:g1'));
      assert.equal(service?.attributes['name'], 'g1.1-0-0.shop.Api');
      assert.deepEqual(
        service?.instances.map(({ ports, weight }) => ({ ports, weight })),
        [
          { ports: { dubbo: 42880 }, weight: 200 },
          { ports: { tri: 42051 }, weight: 200 },
        ],
      );
      assert.ok(![...recorder.services.keys()].some((name) => name.includes('consumers:')));
      await writer.set({ service: 'providers:shop.Api:1.0.0:g1' }, []);
      await writer.set({ service: 'consumers:shop.Api:1.0.0:g1' }, []);
    });

    it('reads a thousand services in seconds and publishes a change in a fraction of one', async () => {
      const names = Array.from({ length: 1000 }, (_, index) => `many-${index}`);
      await Promise.all(names.map((service) => writer.set({ service, group: 'many' }, [{ ip: '10.6.0.1', port: 80 }])));
      const from = performance.now();
      const recorder = await synced(run({ groups: ['many'] }));
      const tookMs = performance.now() - from;
      assert.equal(recorder.services.size, 1000);
      assert.ok(tookMs < 10_000, `the first listing took ${tookMs} ms`);
      // More services than the server pushes the names of: those that come later are found all the same.
      await writer.set({ service: 'many-more', group: 'many' }, [{ ip: '10.6.0.2', port: 80 }]);
      await until(recorder, key('many-more', 'many'), (service) => service?.instances.length === 1);
      const before = performance.now();
      await writer.set({ service: 'many-500', group: 'many' }, [{ ip: '10.6.0.3', port: 80 }]);
      await until(recorder, key('many-500', 'many'), (service) => addresses(service)?.join() === '10.6.0.3');
      assert.ok(performance.now() - before < 2000, `a change took ${performance.now() - before} ms`);
      await Promise.all([...names, 'many-more'].map((service) => writer.set({ service, group: 'many' }, [])));
    });

    it('goes on with the next server of the list when one is out of reach', async () => {
      await writer.setVisibly({ service: 'reached' }, [{ ip: '10.7.0.1', port: 80 }]);
      const recorder = run({ servers: ['http://127.0.0.1:9', `http://${server.address}`] });
      await recorder.waitFor(({ synced: done }) => done, { what: 'the first listing', deadlineMs: 30_000 });
      assert.deepEqual(addresses(recorder.services.get(key('reached'))), ['10.7.0.1']);
      await writer.set({ service: 'reached' }, []);
    });

    it('connects anew when the server asks for it', async () => {
      const recorder = await synced(run({ namespaces: ['public', 'gray'] }));
      const [method, path] = reload;
      // Of three connections one stays, so at least one of the two of the source is sent away.
      const answer = await http(`${server.url}${path}&redirectAddress=${server.address}`, { method });
      assert.equal(answer.status, 200);
      await recorder.waitFor(({ events }) => events.some(({ kind }) => kind === 'degraded'), {
        what: 'the source to be sent away',
        deadlineMs: 30_000,
      });
      await synced(recorder);
      writer.close();
      writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
      for (const namespace of ['public', 'gray']) {
        await writer.set({ service: 'after-reset', namespace }, [{ ip: '10.8.0.1', port: 80 }]);
        const name = key('after-reset', 'DEFAULT_GROUP', namespace);
        await until(recorder, name, (service) => service?.instances.length === 1);
        await writer.set({ service: 'after-reset', namespace }, []);
      }
    });

    it('notices a server that hangs, keeps what it published, and goes on when it wakes', async () => {
      await writer.setVisibly({ service: 'hung' }, [{ ip: '10.9.0.1', port: 80 }]);
      const recorder = await synced(run({ keepAliveMs: 200, requestTimeoutMs: 500 }));
      server.pause();
      try {
        await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'), { deadlineMs: 30_000 });
        assert.deepEqual(addresses(recorder.services.get(key('hung'))), ['10.9.0.1']);
      } finally {
        server.resume();
      }
      await synced(recorder);
      assert.deepEqual(addresses(recorder.services.get(key('hung'))), ['10.9.0.1']);
      await writer.set({ service: 'hung' }, []);
    });

    it('loses nothing while the server restarts with no memory and its clients come back', async () => {
      await writer.setVisibly({ service: 'stays', group: 'back' }, [{ ip: '10.10.0.1', port: 80 }]);
      const recorder = await synced(run({ settleMs: 60_000, groups: ['back'] }));
      const losses: string[] = [];
      recorder.onEvent(({ kind }) => {
        if (addresses(recorder.services.get(key('stays', 'back')))?.join() !== '10.10.0.1') losses.push(kind);
      });
      await server.kill();
      await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'), { deadlineMs: 30_000 });
      assert.match(recorder.degradedScopes.get('public')?.message ?? '', /127\.0\.0\.1/);
      writer.close();
      await server.start();
      await recorder.waitFor(
        ({ degradedScopes }) => /lack instances/.test(degradedScopes.get('public')?.message ?? ''),
        {
          what: 'the source to wait for the instances',
          deadlineMs: 30_000,
        },
      );
      writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
      await writer.set({ service: 'stays', group: 'back' }, [{ ip: '10.10.0.1', port: 80 }]);
      await synced(recorder);
      assert.deepEqual(losses, []);
    });

    it('publishes the loss of instances that do not come back after a restart', async () => {
      await writer.setVisibly({ service: 'goes' }, [{ ip: '10.11.0.1', port: 80 }]);
      const recorder = await synced(run({ settleMs: 1000 }));
      await server.kill();
      await recorder.waitFor(({ degradedScopes }) => degradedScopes.has('public'), { deadlineMs: 30_000 });
      writer.close();
      assert.deepEqual(addresses(recorder.services.get(key('goes'))), ['10.11.0.1']);
      await server.start();
      await until(recorder, key('goes'), (service) => (service?.instances.length ?? 0) === 0);
      await synced(recorder);
      writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
      await writer.set({ service: 'goes' }, [{ ip: '10.11.0.2', port: 80 }]);
      await until(recorder, key('goes'), (service) => addresses(service)?.join() === '10.11.0.2');
    });
  });
}

/** A port that answers a TCP health check until it is closed. */
async function listen(): Promise<{ port: number; close: () => Promise<void> }> {
  const server: Server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { port: address.port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
