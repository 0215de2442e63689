import assert from 'node:assert/strict';
import { type ApplicationInstance, parseZookeeperInstance } from '../../../adapters/dubbo/application-instance.js';
import { MetadataError, parseMetadataReport } from '../../../adapters/dubbo/metadata-info.js';
import { fetchMetadata } from '../../../adapters/dubbo/metadata-service/fetch-metadata.js';
import { routeOf } from '../../../adapters/dubbo/metadata-service/route.js';
import {
  type DubboProvider,
  type DubboProviderOptions,
  ECHO_SERVICE,
  GREETING_SERVICE,
  startDubboProvider,
} from '../../servers/dubbo.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { poll } from '../../support/poll.js';
import { ZookeeperWriter } from '../../support/zookeeper-writer.js';

const maxAnswerBytes = 1_048_576;

describe("a real Dubbo provider's MetadataService", function () {
  this.timeout(180_000);
  let zookeeper: ZookeeperServer;
  let reader: ZookeeperWriter;
  const started: DubboProvider[] = [];

  before(async () => {
    zookeeper = await startZookeeper();
    reader = await ZookeeperWriter.connect(zookeeper.address);
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((provider) => provider.stop()));
  });
  after(async () => {
    await reader?.close();
    await zookeeper?.stop();
  });

  async function start(options: Omit<DubboProviderOptions, 'registry' | 'registerMode'>) {
    const registry = `zookeeper://${zookeeper.address}`;
    const provider = await startDubboProvider({
      registry,
      registerMode: 'instance',
      group: 'g1',
      serviceVersion: '1.0.0',
      weight: 200,
      ...options,
    });
    started.push(provider);
    return { provider, instance: await registered(provider) };
  }

  async function registered({ application, host, ports }: DubboProvider): Promise<ApplicationInstance> {
    const id = `${host}:${ports.dubbo ?? ports.tri}`;
    const text = await poll(() => reader.read(`/services/${application}/${id}`), { what: `the instance ${id}` });
    const outcome = parseZookeeperInstance(application, id, text);
    assert.ok(outcome.kind === 'instance', JSON.stringify(outcome));
    return outcome.instance;
  }

  const ask = (instance: ApplicationInstance, ms = 20_000) =>
    fetchMetadata(instance, { maxAnswerBytes, signal: AbortSignal.timeout(ms) });

  /** What the greeting and the echo service are said to be. */
  async function check(instance: ApplicationInstance, provider: DubboProvider) {
    const info = await ask(instance);
    assert.equal(info.revision, instance.revision);
    const said = info.services.map(({ interfaceName, group, version, protocol, port, params }) =>
      [interfaceName, group, version, protocol, port, new Map(params).get('weight')].join(' '),
    );
    const expected = Object.entries(provider.ports).flatMap(([protocol, port]) => [
      [ECHO_SERVICE, '', '', protocol, port, undefined].join(' '),
      [GREETING_SERVICE, 'g1', '1.0.0', protocol, port, 200].join(' '),
    ]);
    assert.deepEqual(said.sort(), expected.sort());
  }

  const cases: [string, 'v2' | 'triple' | 'dubbo', Omit<DubboProviderOptions, 'registry' | 'application'>][] = [
    ['3.3 with both protocols: MetadataServiceV2 by gRPC', 'v2', { version: '3.3', protocols: ['dubbo', 'tri'] }],
    ['3.3 with dubbo alone: V1 over dubbo', 'dubbo', { version: '3.3', protocols: ['dubbo'] }],
    [
      '3.3 told to use dubbo: V1 over dubbo',
      'dubbo',
      { version: '3.3', protocols: ['dubbo', 'tri'], metadataServiceProtocol: 'dubbo' },
    ],
    ['3.2 with tri alone: V1 in the wrapper of Triple', 'triple', { version: '3.2', protocols: ['tri'] }],
    ['3.2 with both protocols: V1 over dubbo', 'dubbo', { version: '3.2', protocols: ['dubbo', 'tri'] }],
  ];
  for (const [title, kind, options] of cases) {
    it(`of ${title}`, async () => {
      const { instance, provider } = await start({ application: 'shop', ...options });
      assert.equal(routeOf(instance).kind, kind);
      await check(instance, provider);
      // A revision that it does not have is a failure that says so, on every route.
      const other = { ...instance, revision: '0123456789abcdef0123456789abcdef' };
      await assert.rejects(ask(other), /revision 0123456789abcdef|MetadataService (?:answered|failed)/);
    });
  }

  it('is not needed with remote metadata: the report says the same', async () => {
    const { instance, provider } = await start({
      application: 'remote-shop',
      protocols: ['dubbo', 'tri'],
      metadataType: 'remote',
    });
    assert.equal(instance.storage, 'remote');
    const path = `/dubbo/metadata/remote-shop/${instance.revision}`;
    const info = parseMetadataReport(await poll(() => reader.read(path)), 'remote-shop', instance.revision);
    assert.deepEqual(
      info.services.map(({ interfaceName, protocol, port }) => [interfaceName, protocol, port].join(' ')).sort(),
      [ECHO_SERVICE, GREETING_SERVICE]
        .flatMap((name) => [`${name} dubbo ${provider.ports.dubbo}`, `${name} tri ${provider.ports.tri}`])
        .sort(),
    );
  });

  it('asks for credentials where Dubbo has basic authentication on, and shows them nowhere', async () => {
    const { instance, provider } = await start({
      application: 'guarded',
      protocols: ['tri'],
      properties: {
        'dubbo.provider.auth': true,
        'dubbo.provider.authenticator': 'basic',
        'dubbo.provider.username': 'me',
        'dubbo.provider.password': 'S3CRET',
      },
    });
    assert.equal(instance.metadataService?.basicAuth?.reveal(), 'me:S3CRET');
    assert.doesNotMatch(JSON.stringify(instance), /S3CRET/);
    await check(instance, provider);
    const { protocol, port, version } = instance.metadataService;
    await assert.rejects(ask({ ...instance, metadataService: { protocol, port, version } }), MetadataError);
  });

  it('fails at once when the provider is dead, and at the deadline when it hangs', async () => {
    for (const protocol of ['dubbo', 'tri'] as const) {
      const { instance, provider } = await start({ application: `gone-${protocol}`, protocols: [protocol] });
      await provider.pause();
      const before = Date.now();
      await assert.rejects(ask(instance, 500));
      assert.ok(Date.now() - before < 5000);
      await provider.resume();
      await provider.kill();
      await assert.rejects(ask(instance), /no (?:connection|answer): .*ECONNREFUSED/);
    }
  });
});
