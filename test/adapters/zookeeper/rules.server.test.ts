import assert from 'node:assert/strict';
import type { Recorder } from '../../../testkit/index.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { useDubboRegistry } from './dubbo-registry.js';
import { instanceJson, metadataJson, providerName, type RawConfig, withRun } from './support.js';

const greet = 'lab.api.Greet';
const service = `${greet}::`;

describe('the zookeeper source and rules', function () {
  this.timeout(60_000);
  const registry = useDubboRegistry({ superPassword: 'root' });

  beforeEach(async () => {
    await registry.writer.create(`${registry.root}/${greet}/providers/${providerName(greet, '10.0.0.1:1')}`);
    await registry.writer.create(`${registry.root}/${greet}/providers/${providerName(greet, '10.0.0.2:1')}`);
    // One that is registered by application alone: Dubbo reads no rules below interfaces for it.
    await registry.writer.create(`${registry.root}/metadata/shop/r1`, metadataJson('shop', 'r1', [greet]));
    await registry.writer.create(`${registry.services}/shop/10.0.0.3:1`, instanceJson('shop', '10.0.0.3:1', 'r1'));
  });

  const source = (raw: RawConfig = {}) => registry.source(raw);
  const override = (host: string, query: string) =>
    `${registry.root}/${greet}/configurators/${encodeURIComponent(
      `override://${host}/${greet}?category=configurators&dynamic=false&enabled=true&interface=${greet}${query}`,
    )}`;
  const rule = (id: string) => `${registry.root}/config/dubbo/${id}`;
  const shown = (recorder: Recorder) =>
    recorder.services.get(service)?.instances.map(({ address, weight, health }) => `${address} ${weight} ${health}`);
  const until = (recorder: Recorder, expected: string[]) =>
    recorder.waitFor(() => JSON.stringify(shown(recorder)) === JSON.stringify(expected), {
      what: `${expected}`,
      deadlineMs: 30_000,
    });
  const plain = [1, 2, 3].map((last) => `10.0.0.${last} 100 healthy`);

  for (const watch of ['recursive', 'classic'] as const) {
    it(`applies overrides below the interface from the first listing on, and lets them go (${watch})`, async () => {
      const weight = override('0.0.0.0', '&weight=50');
      const disable = override('10.0.0.2:1', '&disabled=true');
      await registry.writer.create(disable);
      await withRun(source({ watch }), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced);
        const first = recorder.events.find((event) => event.kind === 'replaceAll');
        assert.ok(first?.kind === 'replaceAll');
        assert.deepEqual(
          first.services.get(service)?.instances.map(({ health }) => health),
          ['healthy', 'unhealthy', 'healthy'],
        );
        await registry.writer.create(weight);
        await until(recorder, ['10.0.0.1 50 healthy', '10.0.0.2 50 unhealthy', '10.0.0.3 100 healthy']);
        await registry.writer.remove(disable);
        await until(recorder, ['10.0.0.1 50 healthy', '10.0.0.2 50 healthy', '10.0.0.3 100 healthy']);
        assert.equal(recorder.services.get(service)?.rules?.[0]?.effect, 'applied');
        await registry.writer.remove(weight);
        await until(recorder, plain);
        assert.equal(recorder.services.get(service)?.rules, undefined);
      });
    });

    it(`applies the config centre's, of service and application, as they are written and rewritten (${watch})`, async () => {
      await withRun(source({ watch }), async ({ recorder }) => {
        await until(recorder, plain);
        const configs = (weight: number) =>
          `configVersion: v3.0\nscope: service\nkey: ${greet}\nenabled: true\nconfigs:\n- addresses: ["10.0.0.1:1"]\n  side: provider\n  parameters:\n    weight: ${weight}\n`;
        await registry.writer.create(rule(`${greet}.configurators`), configs(300));
        await until(recorder, ['10.0.0.1 300 healthy', ...plain.slice(1)]);
        await registry.writer.write(rule(`${greet}.configurators`), configs(7));
        await until(recorder, ['10.0.0.1 7 healthy', ...plain.slice(1)]);
        await registry.writer.create(
          rule('shop.configurators'),
          'configVersion: v3.0\nscope: application\nkey: shop\nenabled: true\nconfigs:\n- addresses: ["0.0.0.0"]\n  side: provider\n  parameters:\n    weight: 20\n',
        );
        await until(recorder, ['10.0.0.1 7 healthy', '10.0.0.2 20 healthy', '10.0.0.3 20 healthy']);
        await registry.writer.create(
          rule('shop.tag-router'),
          'configVersion: v3.0\nforce: false\nenabled: true\nruntime: true\nkey: shop\ntags:\n- name: gray\n  addresses: ["10.0.0.2:1"]\n',
        );
        await recorder.waitFor(() => recorder.services.get(service)?.instances[1]?.metadata['dubbo.tag'] === 'gray', {
          what: 'the tag',
        });
        for (const id of [`${greet}.configurators`, 'shop.configurators', 'shop.tag-router'])
          await registry.writer.remove(rule(id));
        await until(recorder, plain);
        await recorder.waitFor(() => recorder.services.get(service)?.rules === undefined);
      });
    });
  }

  it('shows routers, and does nothing of what they say', async () => {
    const url = `condition://0.0.0.0/${greet}?category=routers&router=condition&rule=${encodeURIComponent('host = 10.9.9.9 => host = 10.0.0.1')}`;
    await registry.writer.create(`${registry.root}/${greet}/routers/${encodeURIComponent(url)}`);
    const script = `script://0.0.0.0/${greet}?category=routers&router=script&type=js&rule=${encodeURIComponent('while(true){}')}`;
    await registry.writer.create(`${registry.root}/${greet}/routers/${encodeURIComponent(script)}`);
    await withRun(source(), async ({ recorder }) => {
      const kinds = () => recorder.services.get(service)?.rules?.map(({ kind }) => kind) ?? [];
      await recorder.waitFor(() => kinds().includes('condition') && kinds().includes('script'));
      assert.deepEqual(shown(recorder), plain);
    });
  });

  it('publishes with what it has when rules cannot be read, and says so; none are read when they are not wanted', async () => {
    const owner = await DubboRegistryWriter.connect(registry.server.address, 'super:root');
    await registry.writer.create(override('10.0.0.2:1', '&disabled=true'));
    const disabled = ['10.0.0.1 100 healthy', '10.0.0.2 100 unhealthy', '10.0.0.3 100 healthy'];
    try {
      await withRun(source(), async ({ recorder }) => {
        await until(recorder, disabled);
        await owner.setAccess(`${registry.root}/${greet}/configurators`, { scheme: 'digest', id: 'a:b' });
        await owner.make(override('0.0.0.0', '&weight=50'));
        await recorder.waitFor(() => /configurators: no right/.test(recorder.degradedScopes.get(greet)?.message ?? ''));
        assert.deepEqual(shown(recorder), disabled);
        // A change of the providers is not held up.
        await registry.writer.create(`${registry.root}/${greet}/providers/${providerName(greet, '10.0.0.4:1')}`);
        await until(recorder, [...disabled, '10.0.0.4 100 healthy']);
      });
      await withRun(source(), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced && recorder.degradedScopes.has(greet));
        assert.deepEqual(shown(recorder), [...plain, '10.0.0.4 100 healthy']);
      });
      await withRun(source({ dubbo: { rules: false } }), async ({ recorder }) => {
        await recorder.waitFor(() => recorder.synced);
        assert.deepEqual(shown(recorder), [...plain, '10.0.0.4 100 healthy']);
        assert.equal(recorder.degradedScopes.size, 0);
      });
    } finally {
      await owner.close();
    }
  });
});
