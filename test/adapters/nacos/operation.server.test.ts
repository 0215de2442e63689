import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, afterEach, before, describe, it } from 'mocha';
import { Registry } from 'prom-client';
import type { Source } from '../../../core/plugin/index.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import type { NacosServer } from '../../servers/nacos.js';
import { sharedNacos2, sharedNacos3 } from '../../servers/shared-nacos.js';
import { http } from '../../support/http.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { makeSource } from './make-source.js';

const versions = [
  { version: '2.3.2', start: sharedNacos2, service: '/v1/ns/service' },
  { version: '3.1.0', start: sharedNacos3, service: '/v3/admin/ns/service' },
];
const key = (service: string) => `public@@DEFAULT_GROUP@@${service}`;
const deadlineMs = 60_000;

for (const { version, start, service } of versions) {
  describe(`adapters/nacos in operation with Nacos ${version}`, function () {
    this.timeout(240_000);
    let server: NacosServer;
    let writer: NacosWriter;
    let metrics: Registry;
    const runs: SourceRun[] = [];

    before(async () => {
      server = await start();
      writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
    });

    afterEach(async () => {
      for (const run of runs.splice(0)) await run.stop();
    });

    after(() => writer?.close());

    const run = async (config: Readonly<Record<string, unknown>> = {}): Promise<[Recorder, Source]> => {
      metrics = new Registry();
      const own = { servers: [`http://${server.address}`], namespaces: ['public'] };
      const source = makeSource({ ...own, ...config }, { metrics });
      const started = new SourceRun(source);
      runs.push(started);
      const { recorder } = started;
      await recorder.waitFor(() => recorder.synced, { what: 'the first listing', deadlineMs });
      return [recorder, source];
    };
    // Nothing is asked for but what the change itself takes.
    const alone = { listIntervalMs: 60_000, auditIntervalMs: 600_000, subscribersIntervalMs: 0 };
    const requests = async () => {
      const text = await metrics.metrics();
      return [...text.matchAll(/isthmus_nacos_requests_total\{.*\} (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
    };
    const health = (recorder: Recorder, of: string) =>
      recorder.services
        .get(key(of))
        ?.instances.map((instance) => `${instance.ports['http']} ${instance.health}`)
        .join();

    it('knows the true health of a service whose protection threshold is reached, and tells of it', async () => {
      const created = `${server.url}${service}?serviceName=guarded&protectThreshold=0.6&ephemeral=false`;
      assert.equal((await http(created, { method: 'POST' })).status, 200);
      const [up, down] = [await listen(), await listen()];
      const instances = [up, down].map(({ port }) => ({ ip: '127.0.0.1', port }));
      for (const instance of instances) await writer.setPersistent({ service: 'guarded' }, instance);
      const [recorder] = await run();
      const wanted = (downIs: string) =>
        [`${up.port} healthy`, `${down.port} ${downIs}`]
          .sort((a, b) => (`127.0.0.1:${a}` < `127.0.0.1:${b}` ? -1 : 1))
          .join();
      await recorder.waitFor(() => health(recorder, 'guarded') === wanted('healthy'), { deadlineMs });
      assert.equal(recorder.notices.size, 0);
      // Half of them healthy is no more than the threshold: from now on the server calls both healthy.
      await down.close();
      await recorder.waitFor(({ notices }) => notices.has('protection'), { what: 'the notice', deadlineMs });
      assert.match(
        recorder.notices.get('protection') ?? '',
        /^1 services have reached .*: public@@DEFAULT_GROUP@@guarded$/,
      );
      await recorder.waitFor(() => health(recorder, 'guarded') === wanted('unhealthy'), {
        what: 'the true health',
        deadlineMs,
      });
      const answered = await writer.query({ service: 'guarded' });
      assert.ok(
        answered.every(({ healthy }) => healthy === true),
        'the server does not protect the service',
      );
      await up.close();
      for (const instance of instances) await writer.setPersistent({ service: 'guarded' }, instance, false);
      await recorder.waitFor(({ notices }) => !notices.has('protection'), { what: 'the notice to end', deadlineMs });
    });

    it('audits on demand, beside what is pushed', async () => {
      await writer.setVisibly({ service: 'audited' }, [{ ip: '10.0.0.1', port: 80 }]);
      const proxy = await TcpProxy.start({ port: server.grpcPort });
      try {
        const [recorder, source] = await run({
          mode: 'grpc',
          grpcPortOffset: proxy.port - server.port,
          auditIntervalMs: 600_000,
          listIntervalMs: 60_000,
        });
        const { signal } = new AbortController();
        const clean = await source.audit?.(signal);
        assert.equal(clean?.differences, 0);
        assert.ok((clean?.compared ?? 0) > 0);
        assert.deepEqual([...recorder.degradedScopes], []);
      } finally {
        await proxy.close();
      }
    });

    it('quotes the records of a service, without what looks like a credential', async () => {
      const metadata = { version: 'v1', password: 'hidden-by-key', link: 'http://u:hidden-by-value@host/' };
      await writer.setVisibly({ service: 'quoted' }, [
        { ip: '10.0.0.1', port: 80, metadata, clusterName: 'c1' },
        { ip: '169.254.169.254', port: 80 },
      ]);
      const [, source] = await run();
      const { signal } = new AbortController();
      const records = (await source.records?.(key('quoted'), signal)) ?? [];
      assert.deepEqual(records.map(({ id, instance }) => [id, instance]).sort(), [
        ['10.0.0.1:80@c1', '10.0.0.1:80@c1'],
        ['169.254.169.254:80@DEFAULT', undefined],
      ]);
      const text = records.map((record) => record.text).join('\n');
      assert.match(text, /"version":"v1"/);
      assert.doesNotMatch(text, /hidden/);
      await assert.rejects(async () => source.records?.('no@@such', signal), /no service of Nacos/);
      await assert.rejects(async () => source.records?.('gray@@G@@x', signal), /"gray" is not read/);
      await writer.set({ service: 'quoted' }, []);
    });

    it('signs its requests, which the server overlooks', async () => {
      await writer.setVisibly({ service: 'signed' }, [{ ip: '10.0.0.1', port: 80 }]);
      for (const own of [{}, { signingRegion: 'cn-hangzhou' }, { mode: 'http', groups: ['DEFAULT_GROUP'] }]) {
        const [recorder] = await run({ accessKey: 'key', secretKey: 'secret-key-of-tests', ...own });
        assert.ok(recorder.services.has(key('signed')), JSON.stringify(own));
        assert.doesNotMatch(await metrics.metrics(), /secret-key-of-tests/);
      }
      await writer.set({ service: 'signed' }, []);
    });

    it('follows a mass disconnect by what is pushed, with few requests', async () => {
      const names = Array.from({ length: 300 }, (_, index) => `mass-${index}`);
      const others = await NacosWriter.connect({ grpcPort: server.grpcPort });
      const instances = [1, 2, 3].map((index) => ({ ip: `10.1.0.${index}`, port: 80 }));
      await each(names, (name) => others.set({ service: name, group: 'mass' }, instances));
      await writer.setVisibly({ service: 'stays', group: 'mass' }, [{ ip: '10.2.0.1', port: 80 }]);
      const [recorder] = await run({ groups: ['mass'], ...alone });
      const count = () => [...recorder.services.values()].reduce((sum, found) => sum + found.instances.length, 0);
      await recorder.waitFor(() => count() === 901, { what: 'all instances', deadlineMs });
      const before = await requests();
      const from = performance.now();
      others.close();
      await recorder.waitFor(() => count() === 1, { what: 'their end', deadlineMs: 60_000 });
      const asked = (await requests()) - before;
      // Keep-alives; and 3.x pushes the names that nobody has any more, each of which is asked for and given up. It pushes
      // them twice when it cleans up meanwhile, which the server of these tests does after 1.5 s.
      const seconds = (performance.now() - from) / 1000;
      const mayAsk = 10 + seconds + (version === '3.1.0' ? 3 * names.length : 0);
      assert.ok(asked <= mayAsk, `${asked} requests in ${seconds} s`);
      assert.deepEqual([...recorder.degradedScopes], []);
      assert.equal(recorder.services.get('public@@mass@@stays')?.instances.length, 1);
      await writer.set({ service: 'stays', group: 'mass' }, []);
    });

    it('publishes one change of a thousand services as one, and asks for nothing', async () => {
      const names = Array.from({ length: 1000 }, (_, index) => `one-${index}`);
      await each(names, (name) => writer.set({ service: name, group: 'one' }, [{ ip: '10.6.0.1', port: 80 }]));
      const [recorder] = await run({ groups: ['one'], ...alone });
      await recorder.waitFor(({ services }) => services.size === 1000, { what: 'all', deadlineMs });
      const [events, before] = [recorder.events.length, await requests()];
      await writer.set({ service: 'one-500', group: 'one' }, [{ ip: '10.6.0.2', port: 80 }]);
      const address = () => recorder.services.get('public@@one@@one-500')?.instances[0]?.address;
      await recorder.waitFor(() => address() === '10.6.0.2', { what: 'the change', deadlineMs });
      const changed = recorder.events
        .slice(events)
        .filter(({ kind }) => kind === 'replaceAll' || kind === 'upsert' || kind === 'remove');
      assert.deepEqual(
        changed.map((event) => event.kind === 'upsert' && event.service.name),
        ['public@@one@@one-500'],
      );
      assert.ok((await requests()) - before <= 3, 'requests for one change');
      await each(names, (name) => writer.set({ service: name, group: 'one' }, []));
    });

    it('counts its requests and connections', async () => {
      await run();
      const text = await metrics.metrics();
      assert.match(text, /isthmus_nacos_connections\{source="nacos-test",protocol="grpc"\} 1\n/);
      assert.match(text, /isthmus_nacos_requests_total\{source="nacos-test",protocol="grpc",result="ok"\} \d/);
      assert.match(text, /isthmus_nacos_requests_total\{source="nacos-test",protocol="http",result="ok"\} \d/);
    });
  });
}

/** A few at a time, for a machine that is busy. */
async function each(names: readonly string[], act: (name: string) => Promise<void>): Promise<void> {
  for (let from = 0; from < names.length; from += 50) await Promise.all(names.slice(from, from + 50).map(act));
}

async function listen(): Promise<{ port: number; close: () => Promise<void> }> {
  const server: Server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { port: address.port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
