import assert from 'node:assert/strict';
import type { Recorder } from '../../../testkit/index.js';
import { pickPort } from '../../servers/ports.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { useDubboRegistry } from './dubbo-registry.js';
import { instanceJson, metadataJson, providerName, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';
const service = `${greet}::`;

/** Records as Dubbo writes them, made by hand: states that no Java provider can be made to show at will. */
describe('the zookeeper source and records of applications', function () {
  this.timeout(90_000);
  const registry = useDubboRegistry();

  const source = (raw: RawConfig = {}, address?: string) =>
    registry.source({ ...raw, dubbo: { metadata: { timeoutMs: 500 }, ...raw.dubbo } }, address);
  const report = (app: string, revision: string, interfaces = [greet]) =>
    registry.writer.create(`${registry.root}/metadata/${app}/${revision}`, metadataJson(app, revision, interfaces));
  const put = (app: string, authority: string, revision: string, more = {}) =>
    registry.writer.create(`${registry.services}/${app}/${authority}`, instanceJson(app, authority, revision, more));
  const ids = (recorder: Recorder, name = service) => recorder.services.get(name)?.instances.map(({ id }) => id);
  const untilIds = (recorder: Recorder, expected: readonly string[] | undefined, name = service) =>
    recorder.waitFor(() => JSON.stringify(ids(recorder, name)) === JSON.stringify(expected), {
      what: `${name} to be ${expected}`,
      deadlineMs: 30_000,
    });

  for (const watch of ['recursive', 'classic'] as const) {
    it(`follows instances and their data (${watch})`, async () => {
      await report('shop', 'r1');
      await report('shop', 'r2', [greet, 'lab.api.Echo']);
      await put('shop', '10.0.0.1:20880', 'r1');
      await withRun(source({ watch }), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced);
        assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:20880']);
        await put('shop', '10.0.0.2:20880', 'r1');
        await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
        // Dubbo changes an instance by writing its data.
        await registry.writer.write(
          `${registry.services}/shop/10.0.0.2:20880`,
          instanceJson('shop', '10.0.0.2:20880', 'r2'),
        );
        await untilIds(recorder, ['dubbo://10.0.0.2:20880'], 'lab.api.Echo::');
        await put('cart', '10.0.1.1:20880', 'r1');
        await report('cart', 'r1');
        await untilIds(recorder, ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880', 'dubbo://10.0.1.1:20880']);
        await registry.writer.remove(`${registry.services}/shop/10.0.0.1:20880`);
        await registry.writer.remove(`${registry.services}/cart/10.0.1.1:20880`);
        await untilIds(recorder, ['dubbo://10.0.0.2:20880']);
        await registry.writer.remove(`${registry.services}/shop/10.0.0.2:20880`);
        await untilIds(recorder, []);
        await registry.writer.remove(`${registry.services}/cart`);
        await registry.writer.remove(`${registry.services}/shop`);
        await untilIds(recorder, undefined);
        await put('shop', '10.0.0.3:20880', 'r1');
        await untilIds(recorder, ['dubbo://10.0.0.3:20880']);
        assert.deepEqual(recorder.problems, []);
      });
    });
  }

  it('keeps what an instance provided while the metadata of its new revision cannot be had', async () => {
    await report('shop', 'r1');
    await put('shop', '10.0.0.1:20880', 'r1');
    await withRun(source(), async ({ recorder }) => {
      await untilIds(recorder, ['dubbo://10.0.0.1:20880']);
      await registry.writer.write(
        `${registry.services}/shop/10.0.0.1:20880`,
        instanceJson('shop', '10.0.0.1:20880', 'r2'),
      );
      await recorder.waitFor(() => recorder.degradedScopes.has('metadata of application shop'));
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:20880']);
      await report('shop', 'r2', ['lab.api.Echo']);
      await untilIds(recorder, ['dubbo://10.0.0.1:20880'], 'lab.api.Echo::');
      await untilIds(recorder, []);
      await recorder.waitFor(() => recorder.degradedScopes.size === 0);
      assert.ok(recorder.events.every(({ kind }) => kind !== 'remove'));
    });
  });

  it('begins while a provider is dead and still registered, and claims to be complete only without it', async () => {
    await report('alive', 'r1');
    await put('alive', '10.0.0.1:20880', 'r1');
    const metadataPort = await pickPort();
    await put('dead', '127.0.0.1:20881', 'r1', { metadataPort });
    await withRun(source(), async ({ recorder }) => {
      await untilIds(recorder, ['dubbo://10.0.0.1:20880']);
      assert.equal(recorder.synced, false);
      await recorder.waitFor(() => /application dead/.test(recorder.degradedScopes.get('')?.message ?? ''));
      await registry.writer.remove(`${registry.services}/dead/127.0.0.1:20881`);
      await recorder.waitFor(() => recorder.synced && recorder.degradedScopes.size === 0);
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:20880']);
    });
  });

  it('publishes all others while a provider takes long to say what it exports', async () => {
    await registry.writer.create(`${registry.root}/${greet}/providers/${providerName(greet, '10.0.0.1:1')}`);
    const proxy = await TcpProxy.start(registry.server);
    proxy.blackHole();
    try {
      await put('mute', '127.0.0.1:20881', 'r1', { metadataPort: proxy.port });
      const dubbo = { metadata: { timeoutMs: 60_000 } };
      await withRun(source({ dubbo }), async ({ recorder }) => {
        await recorder.waitFor(() => ids(recorder)?.length === 1, { what: 'the others', deadlineMs: 45_000 });
        assert.equal(recorder.synced, false);
      });
    } finally {
      await proxy.close();
    }
  });

  it('leaves out a bad instance alone, and says so', async () => {
    await report('shop', 'r1');
    await put('shop', '10.0.0.1:20880', 'r1');
    await put('shop', '10.0.0.2:0', 'r1');
    await registry.writer.create(`${registry.services}/shop/junk`, '{"a":'.repeat(1000));
    await registry.writer.create(`${registry.services}/spring/1`, '{"name":"spring","address":"10.0.0.9","port":80}');
    await withRun(source(), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:20880']);
      assert.match(recorder.notices.get('rejected-instances') ?? '', /^2 instances .*(port|JSON)/);
      await registry.writer.remove(`${registry.services}/shop/junk`);
      await registry.writer.remove(`${registry.services}/shop/10.0.0.2:0`);
      await recorder.waitFor(() => !recorder.notices.has('rejected-instances'));
    });
  });

  it('keeps services of several roots apart', async () => {
    const gray = `${registry.root}-gray`;
    await registry.writer.create(`${registry.root}/${greet}/providers/${providerName(greet, '10.0.0.1:1')}`);
    await registry.writer.create(`${gray}/${greet}/providers/${providerName(greet, '10.0.0.2:1')}`);
    const raw = { root: undefined, roots: [registry.root, gray] } as unknown as NonNullable<RawConfig['dubbo']>;
    await withRun(source({ dubbo: raw }), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:1']);
      assert.deepEqual(ids(recorder, `${gray}/${service}`), ['dubbo://10.0.0.2:1']);
      assert.equal(recorder.services.get(`${gray}/${service}`)?.attributes['root'], gray.slice(1));
      assert.equal(recorder.services.get(service)?.attributes['root'], undefined);
      await registry.writer.create(`${gray}/${greet}/providers/${providerName(greet, '10.0.0.3:1')}`);
      await untilIds(recorder, ['dubbo://10.0.0.2:1', 'dubbo://10.0.0.3:1'], `${gray}/${service}`);
      assert.deepEqual(ids(recorder), ['dubbo://10.0.0.1:1']);
    });
  });

  it('tells who consumes what', async () => {
    const consumer = (host: string, query: string, protocol = 'consumer') =>
      `${registry.root}/${greet}/consumers/${encodeURIComponent(
        `${protocol}://${host}/${greet}?application=cart&category=consumers&interface=${greet}&side=consumer${query}`,
      )}`;
    await registry.writer.create(
      `${registry.root}/${greet}/providers/${providerName(greet, '10.0.0.1:1', '&version=1&group=g')}`,
    );
    await registry.writer.create(consumer('10.0.1.1', '&version=1&group=g&timestamp=1700000000000'));
    await registry.writer.create(consumer('10.0.1.2', '&version=*&group=*', 'dubbo'));
    await withRun(source(), async ({ recorder }) => {
      const seen = (name: string) => recorder.declaredConsumers.get(name)?.map(({ address }) => address) ?? [];
      await recorder.waitFor(() => seen(`${greet}:1:g`).length === 2);
      assert.deepEqual(recorder.declaredConsumers.get(`${greet}:1:g`)?.[0]?.application, 'cart');
      const last = consumer('10.0.1.3', '&version=2');
      await registry.writer.create(last);
      await recorder.waitFor(() => seen(`${greet}:2:`).length === 1);
      await registry.writer.remove(last);
      await recorder.waitFor(() => seen(`${greet}:2:`).length === 0);
      await registry.writer.remove(consumer('10.0.1.2', '&version=*&group=*', 'dubbo'));
      await recorder.waitFor(() => seen(`${greet}:1:g`).join() === '10.0.1.1');
    });
  });

  it('says no longer what was over before it connected again', async () => {
    const proxy = await TcpProxy.start(registry.server);
    try {
      await put('shop', '10.0.0.2:0', 'r1');
      const node = `${registry.root}/${greet}`;
      const consumer = `${node}/consumers/${encodeURIComponent(`consumer://10.0.1.1/${greet}?application=cart`)}`;
      await registry.writer.create(consumer);
      await registry.writer.create(`${node}/providers`);
      await withRun(source({}, proxy.address), async ({ recorder }) => {
        const seen = () => recorder.declaredConsumers.get(service)?.length ?? 0;
        await recorder.waitFor(() => seen() === 1 && recorder.notices.has('rejected-instances'));
        proxy.refuse();
        proxy.drop();
        await recorder.waitFor(() => recorder.degradedScopes.size > 0);
        await registry.writer.remove(`${registry.services}/shop/10.0.0.2:0`);
        await registry.writer.remove(`${registry.services}/shop`);
        await registry.writer.remove(consumer);
        for (const path of [`${node}/consumers`, `${node}/providers`, node]) await registry.writer.remove(path);
        proxy.pass();
        await recorder.waitFor(() => !recorder.notices.has('rejected-instances'), { deadlineMs: 30_000 });
        await recorder.waitFor(() => seen() === 0, { what: 'the consumers to be gone', deadlineMs: 30_000 });
      });
    } finally {
      await proxy.close();
    }
  });
});
