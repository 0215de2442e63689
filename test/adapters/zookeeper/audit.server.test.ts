import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { SourceRun } from '../../../testkit/index.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { useDubboRegistry } from './dubbo-registry.js';
import { instanceJson, metadataJson, providerName, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';
const service = `${greet}::`;
const never = new AbortController().signal;
const eventXid = Buffer.from('ffffffff', 'hex');

describe('audits and records of the zookeeper source', function () {
  this.timeout(60_000);
  const registry = useDubboRegistry();
  let proxy: TcpProxy;

  beforeEach(async () => {
    proxy = await TcpProxy.start(registry.server);
    await provider('10.0.0.1:1');
    await registry.writer.create(`${registry.root}/metadata/shop/r1`, metadataJson('shop', 'r1', [greet]));
    await registry.writer.create(`${registry.root}/metadata/shop/r2`, metadataJson('shop', 'r2', ['lab.api.Echo']));
    await registry.writer.create(`${registry.services}/shop/10.0.0.2:1`, instanceJson('shop', '10.0.0.2:1', 'r1'));
    await registry.writer.create(`${registry.root}/config/dubbo/shop.tag-router`, 'key: shop\nenabled: false\n');
  });
  afterEach(() => proxy.close());

  const provider = (authority: string, query = '', ephemeral = true) =>
    registry.writer.create(`${registry.root}/${greet}/providers/${providerName(greet, authority, query)}`, '', {
      ephemeral,
    });
  const source = (raw: RawConfig = {}) => registry.source(raw, proxy.address);

  it('finds nothing where nothing was missed', async () => {
    const audited = source();
    await withRun(audited, async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      const report = await audited.audit(never);
      assert.deepEqual(report, { compared: 1, differences: 0, found: [] });
    });
  });

  it('finds nothing in what watches told, also where nodes come and go', async () => {
    for (const watch of ['recursive', 'classic'] as const) {
      const audited = source({ watch });
      await withRun(audited, async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced);
        const extra = `${registry.root}/lab.api.Extra`;
        const name = providerName('lab.api.Extra', '10.0.0.7:1');
        await registry.writer.create(`${extra}/providers/${name}`);
        await registry.writer.create(
          `${registry.root}/config/dubbo/late.tag-router`,
          'key: late\nenabled: true\ntags: [{ name: gray }]\n',
        );
        await registry.writer.create(`${registry.services}/late/10.0.0.8:1`, instanceJson('late', '10.0.0.8:1', 'r1'));
        await recorder.waitFor(() => recorder.services.get('lab.api.Extra::')?.instances.length === 1);
        assert.equal((await audited.audit(never)).differences, 0, watch);
        for (const path of [`${extra}/providers/${name}`, `${extra}/providers`, extra])
          await registry.writer.remove(path);
        await registry.writer.remove(`${registry.root}/config/dubbo/late.tag-router`);
        await registry.writer.remove(`${registry.services}/late/10.0.0.8:1`);
        await registry.writer.remove(`${registry.services}/late`);
        await recorder.waitFor(() => !recorder.services.has('lab.api.Extra::'));
        assert.equal((await audited.audit(never)).differences, 0, watch);
        // Again, for some of it was perhaps still being read.
        await delay(200);
        assert.deepEqual(await audited.audit(never), { compared: 1, differences: 0, found: [] }, watch);
      });
    }
  });

  it('finds and repairs what no watch told: lists, instances and rules', async () => {
    const audited = source();
    await withRun(audited, async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      // Events get lost on the way: each is a frame of its own.
      proxy.transformDown = (chunk) => withoutEvents(chunk);
      await provider('10.0.0.3:1');
      await registry.writer.write(`${registry.services}/shop/10.0.0.2:1`, instanceJson('shop', '10.0.0.2:1', 'r2'));
      await registry.writer.write(
        `${registry.root}/config/dubbo/shop.tag-router`,
        'key: shop\nenabled: true\ntags:\n- name: gray\n  addresses: ["10.0.0.1:1"]\n',
      );
      await registry.writer.create(
        `${registry.root}/lab.api.New/providers/${providerName('lab.api.New', '10.0.0.4:1')}`,
      );
      const report = await audited.audit(never);
      assert.ok(report.differences >= 4, JSON.stringify(report));
      const found = report.found.map(({ service: scope, detail }) => `${scope}: ${detail}`);
      for (const expected of [
        `${greet}: the list of its providers had changed unseen`,
        'application shop: an instance had changed unseen',
        'rule shop.tag-router: its text had changed unseen',
        `${registry.root}: the list of interfaces had changed unseen`,
      ]) {
        assert.ok(found.includes(expected), `${expected} not in ${found.join('\n')}`);
      }
      await recorder.waitFor(() => recorder.services.has('lab.api.New::'));
      const addresses = (name: string) => recorder.services.get(name)?.instances.map(({ address }) => address);
      assert.deepEqual(addresses(service), ['10.0.0.1', '10.0.0.3']);
      assert.deepEqual(addresses('lab.api.Echo::'), ['10.0.0.2']);
      assert.equal(recorder.services.get(service)?.instances[0]?.metadata['dubbo.tag'], 'gray');
    });
  });

  it('audits all else when a node can be read no more, and says so', async () => {
    const owner = await DubboRegistryWriter.connect(registry.server.address);
    const secret = `${registry.root}/lab.api.Secret/providers`;
    await registry.writer.create(`${secret}/${providerName('lab.api.Secret', '10.0.0.6:1')}`);
    const audited = source();
    const look = withRun(audited, async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      await owner.setAccess(secret, { scheme: 'digest', id: 'a:b' });
      await provider('10.0.0.4:1', '', false);
      await recorder.waitFor(() => recorder.services.get(service)?.instances.length === 3);
      const report = await audited.audit(never);
      assert.deepEqual(report, { compared: 2, differences: 0, found: [] });
      await recorder.waitFor(() => /10\.0\.0\.4:1/.test(recorder.notices.get('lasting-providers') ?? ''));
      await recorder.waitFor(() => /no right/.test(recorder.degradedScopes.get('lab.api.Secret')?.message ?? ''));
      assert.deepEqual([...recorder.degradedScopes.keys()], ['lab.api.Secret']);
      assert.equal(recorder.services.get('lab.api.Secret::')?.instances.length, 1);
    });
    await look.finally(() => owner.close());
  });

  it('reports scheduled audits', async () => {
    await withRun(source({ auditIntervalMs: 100 }), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.audits.length >= 2);
      assert.deepEqual(recorder.audits[0], { compared: 1, differences: 0, found: [] });
    });
  });

  it('cannot audit what it is not connected to', async () => {
    const audited = source();
    await assert.rejects(audited.audit(never), /not connected/);
    const run = new SourceRun(audited);
    await run.recorder.waitFor(() => run.recorder.synced);
    proxy.blackHole();
    const audit = audited.audit(never);
    proxy.refuse();
    await assert.rejects(audit, /lost|closed/);
    await run.stop();
  });

  it('shows providers whose nodes outlive them', async () => {
    await provider('10.0.0.4:1', '', false);
    await provider('10.0.0.5:1', '&dynamic=false', false);
    const audited = source();
    await withRun(audited, async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      await audited.audit(never);
      const shown = recorder.services
        .get(service)
        ?.instances.map(({ address, health, metadata }) => [address, health, metadata['ephemeral']]);
      assert.deepEqual(shown, [
        ['10.0.0.1', 'healthy', undefined],
        ['10.0.0.2', 'healthy', undefined],
        ['10.0.0.4', 'unknown', 'false'],
        ['10.0.0.5', 'unknown', undefined],
      ]);
      assert.match(
        recorder.notices.get('lasting-providers') ?? '',
        /^1 providers .*lab\.api\.Greet at dubbo:\/\/10\.0\.0\.4:1$/,
      );
      await registry.writer.remove(`${registry.root}/${greet}/providers/${providerName(greet, '10.0.0.4:1')}`);
      await recorder.waitFor(() => recorder.services.get(service)?.instances.length === 3);
      await audited.audit(never);
      assert.equal(recorder.notices.has('lasting-providers'), false);
    });
  });

  it('quotes the znodes behind a service, without what is secret', async () => {
    await provider('10.0.0.6:1', '&accessKey=S3CRET1&note=a%0d%0ab&version=');
    await provider('10.0.0.7:1', '&version=2');
    await registry.writer.create(
      `${registry.root}/${greet}/configurators/${encodeURIComponent(`override://0.0.0.0/${greet}?category=configurators&weight=5&token=S3CRET2`)}`,
    );
    const instance = instanceJson('shop', '10.0.0.8:1', 'r1').replace(
      '"timestamp"',
      '"password":"S3CRET3","timestamp"',
    );
    await registry.writer.create(`${registry.services}/shop/10.0.0.8:1`, instance);
    const quoted = source();
    await withRun(quoted, async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      const records = await quoted.records(service, never);
      const text = JSON.stringify(records);
      assert.doesNotMatch(text, /S3CRET/);
      assert.match(text, /\[secret\]/);
      const byInstance = records.map(({ instance: id }) => id).filter((id) => id !== undefined);
      assert.deepEqual(byInstance.sort(), [
        'dubbo://10.0.0.1:1',
        'dubbo://10.0.0.2:1',
        'dubbo://10.0.0.6:1',
        'dubbo://10.0.0.8:1',
      ]);
      assert.ok(records.every(({ id }) => id.startsWith('/')));
      assert.match(
        records[0]?.revision ?? '',
        /^mzxid 0x[0-9a-f]+, czxid 0x[0-9a-f]+, ephemeral of session 0x[0-9a-f]+$/,
      );
      for (const part of ['10.0.0.2:1', 'override:', 'tag-router', 'dubbo.metadata.revision'])
        assert.ok(text.includes(part), part);
      assert.ok(!text.includes('10.0.0.7'));
      assert.deepEqual(await quoted.records('no.such.Service::', never), []);
    });
  });
});

/** What comes from the server without the watch events in it. */
function withoutEvents(chunk: Buffer): Buffer {
  const kept: Buffer[] = [];
  let at = 0;
  while (at + 8 <= chunk.length) {
    const end = at + 4 + chunk.readInt32BE(at);
    if (!chunk.subarray(at + 4, at + 8).equals(eventXid)) kept.push(chunk.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}
