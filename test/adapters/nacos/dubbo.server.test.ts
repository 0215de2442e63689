import assert from 'node:assert/strict';
import { afterEach, before, describe, it } from 'mocha';
import type { Service } from '../../../core/model/index.js';
import type { Source, SourceRecord } from '../../../core/plugin/index.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import {
  type DubboProvider,
  type DubboProviderOptions,
  GREETING_SERVICE,
  startDubboConsumer,
  startDubboProvider,
} from '../../servers/dubbo.js';
import type { NacosServer } from '../../servers/nacos.js';
import { sharedNacos2, sharedNacos3 } from '../../servers/shared-nacos.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { poll } from '../../support/poll.js';
import { makeSource } from './make-source.js';

const versions = [
  { version: '2.3.2', start: sharedNacos2 },
  { version: '3.1.0', start: sharedNacos3 },
];
const deadlineMs = 60_000;

for (const { version, start } of versions) {
  describe(`adapters/nacos with Dubbo on Nacos ${version}`, function () {
    this.timeout(240_000);
    let server: NacosServer;
    const runs: SourceRun[] = [];
    const sources = new WeakMap<Recorder, Source>();
    const apps: { stop(): Promise<unknown> }[] = [];

    before(async () => {
      server = await start();
    });

    afterEach(async () => {
      for (const run of runs.splice(0)) await run.stop();
      await Promise.all(apps.splice(0).map((app) => app.stop()));
    });

    const run = (config: Readonly<Record<string, unknown>> = {}): Recorder => {
      const source = makeSource({ servers: [`http://${server.address}`], namespaces: ['public'], ...config });
      const started = new SourceRun(source);
      runs.push(started);
      sources.set(started.recorder, source);
      return started.recorder;
    };
    const provider = async (options: Omit<DubboProviderOptions, 'registry'>): Promise<DubboProvider> => {
      const started = await startDubboProvider({ registry: `nacos://${server.address}`, ...options });
      apps.push(started);
      return started;
    };
    const name = (group: string, serviceVersion = '1.0.0') =>
      `public@@DEFAULT_GROUP@@providers:${GREETING_SERVICE}:${serviceVersion}:${group}`;
    const until = (recorder: Recorder, key: string, holds: (service: Service | undefined) => boolean) =>
      recorder.waitFor(({ services }) => holds(services.get(key)), { what: key, deadlineMs });
    const ids = (service: Service | undefined) => service?.instances.map(({ id }) => id).join();
    const wanted = ({ host, ports }: DubboProvider) =>
      Object.entries(ports)
        .map(([protocol, port]) => `${protocol}://${host}:${port}`)
        .sort()
        .join();

    for (const metadataType of ['local', 'remote'] as const) {
      it(`reads what is registered by application, with ${metadataType} metadata, and sees it go`, async () => {
        const recorder = run();
        const group = `app-${metadataType}-${version.replaceAll('.', '-')}`;
        const app = await provider({
          application: group,
          group,
          serviceVersion: '1.0.0',
          protocols: ['dubbo', 'tri'],
          registerMode: 'instance',
          metadataType,
          weight: 150,
          tag: 'gray',
        });
        await until(recorder, name(group), (service) => ids(service) === wanted(app));
        const service = recorder.services.get(name(group));
        assert.equal(service?.attributes['application'], group);
        assert.equal(service?.attributes['name'], `${group}.1-0-0.${GREETING_SERVICE}`);
        assert.deepEqual(
          service?.instances.map(({ weight, health }) => [weight, health]),
          [
            [150, 'healthy'],
            [150, 'healthy'],
          ],
        );
        assert.equal(service?.instances[0]?.metadata['dubbo.tag'], 'gray');
        assert.deepEqual([...recorder.degradedScopes], []);
        const read = async () =>
          (await sources.get(recorder)?.records?.(name(group), new AbortController().signal)) ?? [];
        // A provider writes the mapping some time after it has registered.
        const isMapped = ({ id, text }: SourceRecord) => id === `mapping/${GREETING_SERVICE}` && text.includes(group);
        const records = await poll(
          async () => {
            const found = await read();
            if (!found.some(isMapped)) throw new Error(JSON.stringify(found.map(({ id, text }) => `${id}: ${text}`)));
            return found;
          },
          { timeoutMs: 60_000, what: 'the mapping' },
        ).catch((error: Error) => {
          throw new Error(`${error.message}; ${String(error.cause)}; the provider: ${app.logs(20)}`, { cause: error });
        });
        const behind = records.find(({ id, instance }) => id.startsWith(`${group} ${app.host}:`) && instance);
        assert.ok(
          wanted(app)
            .split(',')
            .includes(behind?.instance ?? ''),
          JSON.stringify(records),
        );
        await app.stop();
        await until(recorder, name(group), (found) => !found || found.instances.length === 0);
      });
    }

    it('has one service of what is registered in both ways, and none twice', async () => {
      const app = await provider({
        application: 'both',
        group: 'both',
        serviceVersion: '1.0.0',
        protocols: ['dubbo', 'tri'],
        registerMode: 'all',
      });
      const recorder = run();
      await recorder.waitFor(({ synced }) => synced, { what: 'the first listing', deadlineMs });
      assert.equal(ids(recorder.services.get(name('both'))), wanted(app));
      const greetings = [...recorder.services.keys()].filter((key) => key.includes(`${GREETING_SERVICE}:1.0.0:both`));
      assert.deepEqual(greetings, [name('both')]);
      assert.ok(recorder.services.has('public@@DEFAULT_GROUP@@both'), 'the application itself');
    });

    it('applies the rules of the config centre as they come and go', async () => {
      const group = 'ruled';
      const app = await provider({ application: 'ruled-app', group, serviceVersion: '1.0.0' });
      const recorder = run();
      await until(recorder, name(group), (service) => ids(service) === wanted(app));
      assert.equal(recorder.services.get(name(group))?.instances[0]?.weight, 100);
      const writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
      try {
        const weight = (scope: string, scopeKey: string, value: number) =>
          [
            'configVersion: v3.0',
            `scope: ${scope}`,
            `key: ${scopeKey}`,
            'enabled: true',
            'configs:',
            '  - side: provider',
            `    parameters: { weight: ${value} }`,
          ].join('\n');
        const key = `${GREETING_SERVICE}:1.0.0:${group}`;
        const scope = `${group}/${GREETING_SERVICE}:1.0.0`;
        await writer.setConfig('ruled-app.configurators', 'dubbo', weight('application', 'ruled-app', 42));
        await until(recorder, name(group), (service) => service?.instances[0]?.weight === 42);
        await writer.setConfig(`${key}.configurators`, 'dubbo', weight('service', scope, 7));
        await until(recorder, name(group), (service) => service?.instances[0]?.weight === 7);
        assert.deepEqual(
          recorder.services.get(name(group))?.rules?.map(({ scope, effect }) => [scope, effect]),
          [
            ['ruled-app', 'applied'],
            [scope, 'applied'],
          ],
        );
        await writer.setConfig(`${key}.configurators`, 'dubbo', undefined);
        await until(recorder, name(group), (service) => service?.instances[0]?.weight === 42);
        // A source that comes later has them in its first listing.
        const later = run();
        await later.waitFor(({ synced }) => synced, { what: 'the first listing', deadlineMs });
        assert.equal(later.services.get(name(group))?.instances[0]?.weight, 42);
      } finally {
        writer.close();
      }
    });

    if (version === '2.3.2') {
      it('reads applications and rules over the HTTP API of 1.x', async () => {
        const group = 'http';
        const app = await provider({
          application: 'http-app',
          group,
          serviceVersion: '1.0.0',
          protocols: ['dubbo', 'tri'],
          registerMode: 'all',
          metadataType: 'remote',
        });
        const writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
        try {
          const recorder = run({ mode: 'http', pollIntervalMs: 500 });
          await until(recorder, name(group), (service) => ids(service) === wanted(app));
          const rule = ['configVersion: v3.0', 'scope: application', 'key: http-app', 'enabled: true', 'configs:'];
          const set = ['  - side: provider', '    parameters: { weight: 42 }'];
          await writer.setConfig('http-app.configurators', 'dubbo', [...rule, ...set].join('\n'));
          await until(
            recorder,
            name(group),
            (service) => service?.instances.every(({ weight }) => weight === 42) === true,
          );
          assert.equal(ids(recorder.services.get(name(group))), wanted(app));
          assert.deepEqual([...recorder.degradedScopes], []);
        } finally {
          writer.close();
        }
      });
    }

    it('reads Dubbo 2.7, and knows who consumes', async () => {
      const app = await provider({ application: 'old', version: '2.7', group: 'old', serviceVersion: '1.0.0' });
      const recorder = run();
      await until(recorder, name('old'), (service) => ids(service) === wanted(app));
      assert.equal(recorder.services.get(name('old'))?.attributes['application'], 'old');
      const consumer = await startDubboConsumer({
        registry: `nacos://${server.address}`,
        application: 'caller',
        version: '2.7',
        group: 'old',
        serviceVersion: '1.0.0',
      });
      apps.push(consumer);
      await recorder.waitFor(({ declaredConsumers }) => (declaredConsumers.get(name('old')) ?? []).length > 0, {
        what: 'the consumer',
        deadlineMs,
      });
      // Its client has subscribed too, which tells less of it.
      const subscribers = run({ dubbo: { consumers: false }, subscribersIntervalMs: 1000 });
      await subscribers.waitFor(({ declaredConsumers }) => (declaredConsumers.get(name('old')) ?? []).length > 0, {
        what: 'the subscriber',
        deadlineMs,
      });
      // As the server sees it.
      const [subscriber] = subscribers.declaredConsumers.get(name('old')) ?? [];
      assert.ok(['127.0.0.1', app.host].includes(subscriber?.address ?? ''), subscriber?.address);
      const [found] = recorder.declaredConsumers.get(name('old')) ?? [];
      assert.equal(found?.application, 'caller');
      assert.equal(found?.address, app.host);
      assert.match(await consumer.greet('you'), /you/);
    });
  });
}
