import assert from 'node:assert/strict';
import { ProviderReader } from '../../../adapters/dubbo/provider.js';
import { RuleBook } from '../../../adapters/dubbo/rules/rule-book.js';
import type { ServiceRecords } from '../../../adapters/dubbo/service.js';
import { type DubboProvider, GREETING_SERVICE, startDubboConsumer, startDubboProvider } from '../../servers/dubbo.js';
import type { ServerHandle } from '../../servers/process.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { poll } from '../../support/poll.js';
import { ZookeeperWriter } from '../../support/zookeeper-writer.js';

const service = { group: 'g1', serviceVersion: '1.0.0' };
const key = `g1/${GREETING_SERVICE}:1.0.0`;
const dataId = `${GREETING_SERVICE}:1.0.0:g1.configurators`;
const root = `/dubbo/${GREETING_SERVICE}`;

const document = (scope: string, of: string, config: string) =>
  `configVersion: v3.0\nscope: ${scope}\nkey: ${of}\nenabled: true\nconfigs:\n${config}`;

describe('rules of a real Dubbo', function () {
  this.timeout(180_000);
  let zookeeper: ZookeeperServer;
  let registry: string;
  let writer: ZookeeperWriter;
  let provider: DubboProvider;
  let book: RuleBook;
  const started: ServerHandle[] = [];

  before(async () => {
    zookeeper = await startZookeeper();
    registry = `zookeeper://${zookeeper.address}`;
    writer = await ZookeeperWriter.connect(zookeeper.address);
  });
  beforeEach(async () => {
    book = new RuleBook();
    provider = await startDubboProvider({ registry, application: 'shop', ...service, weight: 200 });
    started.push(provider);
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.stop()));
    for (const path of [`${root}/configurators`, '/dubbo/config/dubbo']) {
      for (const name of await writer.children(path)) await writer.remove(`${path}/${name}`);
    }
  });
  after(async () => {
    await writer?.close();
    await zookeeper?.stop();
  });

  /** The providers as they stand in the registry. */
  async function registered(): Promise<ServiceRecords> {
    const reader = new ProviderReader();
    const providers = (await writer.children(`${root}/providers`)).flatMap((name) => {
      const outcome = reader.read(GREETING_SERVICE, name);
      return outcome.kind === 'provider' ? [outcome] : [];
    });
    return { interfaceName: GREETING_SERVICE, id: { version: '1.0.0', group: 'g1' }, providers, rejected: [] };
  }

  const said = ({ providers }: ServiceRecords) =>
    providers.map(({ instance }) => [instance.weight, instance.health, instance.metadata['timeout']].join(' '));

  async function setUrl(url: string): Promise<void> {
    await writer.create(`${root}/configurators/${encodeURIComponent(url)}`);
    book.setUrls(GREETING_SERVICE, 'configurators', await writer.children(`${root}/configurators`));
  }

  async function setConfig(id: string, text: string): Promise<void> {
    const path = `/dubbo/config/dubbo/${id}`;
    if ((await writer.read(path)) === undefined) await writer.create(path, text);
    else await writer.write(path, text);
    book.setConfig(id, text);
  }

  it('change a provider as the provider changes itself, in the same order', async () => {
    const original = await poll(async () => {
      const records = await registered();
      return records.providers.length === 1 && records;
    });
    const same = async (expected: string) => {
      assert.deepEqual(said(book.apply(original)), [expected]);
      await poll(async () => said(await registered()).join() === expected, { what: `the provider to say ${expected}` });
      // What Dubbo has applied already comes to the same when it is applied again.
      assert.deepEqual(said(book.apply(await registered())), [expected]);
    };
    const query = 'category=configurators&dynamic=false&group=g1&version=1.0.0';
    await setUrl(`override://0.0.0.0/${GREETING_SERVICE}?${query}&weight=50&timeout=2222`);
    await same('50 healthy 2222');
    await setUrl(`override://${provider.host}:${provider.ports.dubbo}/${GREETING_SERVICE}?${query}&weight=70`);
    await same('70 healthy 2222');
    await setConfig(
      'shop.configurators',
      document(
        'application',
        'shop',
        '- side: provider\n  addresses: ["0.0.0.0"]\n  parameters: { timeout: 6000, weight: 60 }\n',
      ),
    );
    await same('60 healthy 6000');
    const address = `${provider.host}:${provider.ports.dubbo}`;
    await setConfig(
      dataId,
      document(
        'service',
        key,
        `- side: provider\n  addresses: ["${address}"]\n  parameters: { weight: 300, disabled: true }\n`,
      ),
    );
    await same('300 unhealthy 6000');
    await setConfig(
      dataId,
      document('service', key, `- side: provider\n  addresses: ["10.9.9.9:1"]\n  parameters: { weight: 1 }\n`),
    );
    await same('60 healthy 6000');
  });

  // Two providers, for a consumer of Dubbo keeps those it had when none would be left.
  it('for all consumers take a provider away from a real consumer, and from the mesh', async () => {
    started.push(await startDubboProvider({ registry, application: 'spare', ...service, weight: 200 }));
    const migration = 'FORCE_INTERFACE';
    const consumer = await startDubboConsumer({ registry, application: 'buyer', ...service, migration });
    started.push(consumer);
    const answering = async () => {
      const names = new Set<string>();
      for (let call = 0; call < 20; call++) names.add((await consumer.greet('bob')).split(' ').at(-1) ?? '');
      return [...names].sort().join();
    };
    const serving = async () =>
      book
        .apply(await registered())
        .providers.filter(({ instance }) => instance.health === 'healthy')
        .map(({ application }) => application)
        .sort()
        .join();
    const item = (disabled: boolean) =>
      document(
        'service',
        key,
        `- side: consumer\n  providerAddresses: ["${provider.host}:${provider.ports.dubbo}"]\n  parameters: { disabled: ${disabled} }\n`,
      );
    await poll(async () => (await answering()) === 'shop,spare');
    assert.equal(await serving(), 'shop,spare');
    await setConfig(dataId, item(true));
    await poll(async () => (await answering()) === 'spare');
    assert.equal(await serving(), 'spare');
    await setConfig(dataId, item(false));
    await poll(async () => (await answering()) === 'shop,spare');
    assert.equal(await serving(), 'shop,spare');
  });
});
