import assert from 'node:assert/strict';
import { type Clock, type Service, systemClock } from '../../../core/plugin/index.js';
import type { Recorder } from '../../../testkit/index.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { instanceJson, makeSource, metadataJson, providerName, type RawConfig, withRun } from './support.js';

const both = 'lab.api.Both';
const shopOnly = 'lab.api.Shop';
const gone = 'lab.api.Gone';
const scope = 'metadata of application shop';

/** The minutes of a start with nothing known take a second. */
const quickClock: Clock = {
  now: () => systemClock.now(),
  sleep: (ms, signal) => systemClock.sleep(ms > 60_000 ? 1000 : ms, signal),
};

/** What was published before a restart, where something cannot be read after it. */
describe('the zookeeper source after a restart', function () {
  this.timeout(90_000);
  let server: ZookeeperServer;
  let writer: DubboRegistryWriter;
  let other: DubboRegistryWriter;
  let count = 0;
  let root = '';
  let services = '';

  before(async () => {
    server = await startZookeeper({ tickTimeMs: 500 });
    writer = await DubboRegistryWriter.connect(server.address, 'owner:secret');
    other = await DubboRegistryWriter.connect(server.address);
  });
  after(async () => {
    await writer?.close();
    await other?.close();
    await server?.stop();
  });
  beforeEach(() => {
    count++;
    root = `/earlier${count}`;
    services = `/earlier-services${count}`;
  });

  const source = (clock: Clock = systemClock) => {
    const raw: RawConfig = {
      dubbo: { root, servicesRoot: services, configRoot: `${root}/config` },
      auditIntervalMs: 0,
    };
    return makeSource([server.address], raw, undefined, clock);
  };
  const providers = (name: string) => `${root}/${name}/providers`;
  const put = (name: string, authority: string) =>
    writer.make(`${providers(name)}/${providerName(name, authority).replace('%3Dshop', '%3Dold')}`);
  const register = async (authority: string) => {
    const path = `${services}/shop/${authority}`;
    await writer.make(path);
    await writer.setData(path, instanceJson('shop', authority, 'r1'));
  };
  const report = `/metadata/shop/r1`;
  const tellMetadata = async () => {
    await writer.make(root + report);
    await writer.setData(root + report, metadataJson('shop', 'r1', [both, shopOnly]));
  };
  const addresses = (recorder: Recorder, name: string) =>
    recorder.services
      .get(`${name}::`)
      ?.instances.map(({ address }) => address)
      .join();
  const synced = (recorder: Recorder) => recorder.waitFor(() => recorder.synced, { deadlineMs: 30_000 });

  /** What is published while all can be read: one service by both, one by application, one that goes before the restart. */
  async function publishedBefore(): Promise<readonly Service[]> {
    await put(both, '10.0.0.1:20880');
    await put(both, '10.0.0.2:20880');
    await put(gone, '10.0.0.9:20880');
    await register('10.0.1.1:20880');
    await register('10.0.1.2:20880');
    await tellMetadata();
    let found: readonly Service[] = [];
    await withRun(source(), async ({ recorder }) => {
      await synced(recorder);
      assert.equal(addresses(recorder, both), '10.0.0.1,10.0.0.2,10.0.1.1,10.0.1.2');
      found = [...recorder.services.values()];
    });
    await writer.remove(root + report);
    await writer.removeTree(`${root}/${gone}`);
    await writer.remove(`${providers(both)}/${providerName(both, '10.0.0.2:20880').replace('%3Dshop', '%3Dold')}`);
    await writer.remove(`${services}/shop/10.0.1.2:20880`);
    return found;
  }

  it('keeps what an application provided whose metadata cannot be had, and lets all else go that has gone', async () => {
    const restored = await publishedBefore();
    await withRun(
      source(),
      async ({ recorder }) => {
        await synced(recorder);
        assert.deepEqual([...recorder.degradedScopes.keys()], [scope]);
        assert.equal(addresses(recorder, both), '10.0.0.1,10.0.1.1');
        assert.equal(addresses(recorder, shopOnly), '10.0.1.1');
        assert.equal(recorder.services.has(`${gone}::`), false);
        await writer.remove(`${services}/shop/10.0.1.1:20880`);
        await recorder.waitFor(() => addresses(recorder, shopOnly) === '' && addresses(recorder, both) === '10.0.0.1');
        assert.equal(recorder.degradedScopes.size, 0);
      },
      restored,
    );
  });

  it('lets a service go that is provided no more, as the metadata say', async () => {
    const restored = await publishedBefore();
    await writer.make(root + report);
    await writer.setData(root + report, metadataJson('shop', 'r1', [both]));
    await withRun(
      source(),
      async ({ recorder }) => {
        await synced(recorder);
        assert.equal(addresses(recorder, both), '10.0.0.1,10.0.1.1');
        assert.equal(addresses(recorder, shopOnly), undefined);
      },
      restored,
    );
  });

  it('keeps the services of an application whose instances are others now, until their metadata come', async () => {
    const restored = await publishedBefore();
    await writer.remove(`${services}/shop/10.0.1.1:20880`);
    await register('10.0.1.7:20880');
    await withRun(
      source(),
      async ({ recorder }) => {
        await synced(recorder);
        assert.equal(addresses(recorder, both), '10.0.0.1');
        assert.equal(addresses(recorder, shopOnly), '');
        await tellMetadata();
        await recorder.waitFor(() => addresses(recorder, shopOnly) === '10.0.1.7', { deadlineMs: 60_000 });
        assert.equal(addresses(recorder, both), '10.0.0.1,10.0.1.7');
        assert.equal(recorder.degradedScopes.size, 0);
      },
      restored,
    );
  });

  it('claims to be complete without metadata that never come, after a time, where nothing was known before', async () => {
    await put(both, '10.0.0.1:20880');
    await register('10.0.1.1:20880');
    await withRun(source(quickClock), async ({ recorder }) => {
      await recorder.waitFor(() => addresses(recorder, both) === '10.0.0.1');
      assert.equal(recorder.synced, false);
      await synced(recorder);
      assert.deepEqual([...recorder.degradedScopes.keys()], [scope]);
      await tellMetadata();
      await recorder.waitFor(() => recorder.degradedScopes.size === 0, { deadlineMs: 60_000 });
      assert.equal(addresses(recorder, both), '10.0.0.1,10.0.1.1');
    });
  });

  it('takes nothing out of a service while a part of it cannot be read, and takes in what is new', async () => {
    const restored = await publishedBefore();
    await writer.setAccess(services, 'creator');
    await withRun(
      source(),
      async ({ recorder }) => {
        const seen = new Set<string | undefined>();
        recorder.onEvent(() => seen.add(addresses(recorder, both)));
        await recorder.waitFor(() => recorder.events.some(({ kind }) => kind === 'upsert'));
        assert.equal(recorder.synced, false);
        await put(both, '10.0.0.3:20880');
        await recorder.waitFor(() => addresses(recorder, both)?.includes('10.0.0.3') === true);
        for (const state of seen) assert.match(state ?? '', /10\.0\.1\.1/);
        assert.equal(addresses(recorder, shopOnly), '10.0.1.1,10.0.1.2');
        await tellMetadata();
        await writer.setAccess(services, 'open');
        await synced(recorder);
        assert.equal(addresses(recorder, both), '10.0.0.1,10.0.0.3,10.0.1.1');
        assert.equal(recorder.services.has(`${gone}::`), false);
      },
      restored,
    );
  });
});
