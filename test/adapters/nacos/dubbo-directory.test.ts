import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { EarlierProviders } from '../../../adapters/dubbo/earlier-providers.js';
import { ProviderReader } from '../../../adapters/dubbo/provider.js';
import { RuleBook } from '../../../adapters/dubbo/rules/rule-book.js';
import { formatDubboName, parseDubboName } from '../../../adapters/nacos/dubbo.js';
import { DubboDirectory } from '../../../adapters/nacos/dubbo-directory.js';
import { StringPool } from '../../../adapters/nacos/metadata.js';
import { formatServiceKey } from '../../../adapters/nacos/service-key.js';
import { type Service, systemClock } from '../../../core/plugin/index.js';
import { serviceProblems } from '../../../testkit/index.js';
import { poll } from '../../support/poll.js';

const api = 'providers:com.foo.Api:1.0.0:g1';
const key = (name: string) => `public@@DEFAULT_GROUP@@${name}`;
const revision = 'f6018b2ac98a353eb6bb52502d6350b5';

describe('adapters/nacos Dubbo directory', () => {
  let abort: AbortController;
  let services: Map<string, Service>;
  let failing: Map<string, Error>;
  let reports: Map<string, string>;
  let directory: DubboDirectory;
  let published: number;
  /** Services whose rules are to be watched. */
  let watched: Set<string>;

  beforeEach(() => {
    abort = new AbortController();
    services = new Map();
    failing = new Map();
    reports = new Map();
    published = 0;
    watched = new Set();
    directory = make();
  });

  const make = (earlier?: EarlierProviders) =>
    new DubboDirectory({
      earlier,
      namespace: 'public',
      group: 'DEFAULT_GROUP',
      reading: {
        reader: new ProviderReader(),
        options: { clusters: { include: undefined, exclude: ['off'] }, clusterLocality: 'zone' },
        pool: new StringPool(),
      },
      rules: new RuleBook(),
      clock: systemClock,
      signal: abort.signal,
      readReport: async (application, wanted) => reports.get(`${application} ${wanted}`),
      published: (found) => services.get(formatServiceKey(found)),
      publish: (found, service) => {
        published++;
        assert.deepEqual(serviceProblems(service), []);
        services.set(formatServiceKey(found), service);
      },
      remove: (found) => services.delete(formatServiceKey(found)),
      onKnown: (name) => watched.add(formatDubboName(name)),
      onGone: (name) => watched.delete(formatDubboName(name)),
      lacking: (application, error) => {
        if (error) failing.set(application, error);
        else failing.delete(application);
      },
    });

  afterEach(() => abort.abort());

  const setProviders = (registered: string, hosts: readonly unknown[]) => {
    const name = parseDubboName(registered);
    assert.ok(name);
    directory.setProviders(name, registered, hosts);
  };
  const provider = (ip: string, protocol = 'dubbo', port = 20_880, change: object = {}) => ({
    ip,
    port,
    weight: 1,
    healthy: true,
    enabled: true,
    ephemeral: true,
    clusterName: 'DEFAULT',
    metadata: {
      side: 'provider',
      protocol,
      application: 'shop',
      interface: 'com.foo.Api',
      version: '1.0.0',
      group: 'g1',
    },
    ...change,
  });
  const instance = (ip: string, storage = 'remote', change: object = {}) => ({
    ip,
    port: 20_880,
    weight: 1,
    healthy: true,
    clusterName: 'DEFAULT',
    metadata: {
      'dubbo.endpoints': '[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"}]',
      'dubbo.metadata.revision': revision,
      'dubbo.metadata.storage-type': storage,
      timestamp: '1795394642907',
    },
    ...change,
  });
  const report = (interfaceName = 'com.foo.Api') => {
    const of = (protocol: string, port: number) => ({
      name: interfaceName,
      group: 'g1',
      version: '1.0.0',
      protocol,
      port,
      path: interfaceName,
      params: { weight: '200', application: 'shop', side: 'provider', 'dubbo.tag': 'gray' },
    });
    const entries = { a: of('dubbo', 20_880), b: of('tri', 50_051) };
    return JSON.stringify({ app: 'shop', revision, services: entries });
  };
  const ids = (name = api) => services.get(key(name))?.instances.map(({ id }) => id);

  it('names the parts, has a port for each protocol, and takes the weight and health of both', () => {
    const metadata = { protocol: 'dubbo', weight: '40', application: 'shop' };
    setProviders(api, [
      provider('10.0.0.1', 'dubbo', 20_880, { metadata, weight: 0.5 }),
      provider('10.0.0.2', 'tri', 50_051, { healthy: false, clusterName: 'hz-b' }),
      provider('10.0.0.3', 'dubbo', 20_880, { metadata: { ...metadata, disabled: 'true' } }),
      provider('10.0.0.4', 'rmi', 1099),
      provider('10.0.0.5', 'dubbo', 20_880, { clusterName: 'off' }),
    ]);
    const service = services.get(key(api));
    assert.deepEqual(
      { ...service?.attributes },
      {
        name: 'g1.1-0-0.com.foo.Api',
        group: '',
        namespace: '',
        interface: 'com.foo.Api',
        version: '1.0.0',
        dubboGroup: 'g1',
        application: 'shop',
      },
    );
    assert.deepEqual(
      service?.ports.map(({ name, number }) => `${name}:${number}`),
      ['dubbo:20880', 'tri:50051'],
    );
    assert.deepEqual(
      service?.instances.map(({ id, weight, health, locality }) => [id, weight, health, locality?.zone]),
      [
        ['dubbo://10.0.0.1:20880', 20, 'healthy', undefined],
        ['dubbo://10.0.0.3:20880', 40, 'unhealthy', undefined],
        ['tri://10.0.0.2:50051', 100, 'unhealthy', 'hz-b'],
      ],
    );
    assert.equal(service?.instances[2]?.metadata['nacos.cluster'], 'hz-b');
    assert.equal(service?.rejected?.length, 1);
  });

  it('takes the words of the name over those of the metadata', () => {
    const metadata = { protocol: 'dubbo', interface: 'evil.Api', version: '9', group: 'x', 'nacos.cluster': 'forged' };
    setProviders(api, [provider('10.0.0.1', 'dubbo', 20_880, { metadata })]);
    assert.deepEqual([...services.keys()], [key(api)]);
    assert.equal(services.get(key(api))?.instances[0]?.metadata['nacos.cluster'], 'DEFAULT');
  });

  it('joins what older Dubbo registered under a shorter name', () => {
    setProviders('providers:com.foo.Api', [provider('10.0.0.1', 'dubbo', 20_880, { metadata: {} })]);
    setProviders('providers:com.foo.Api::', [provider('10.0.0.2', 'dubbo', 20_880, { metadata: {} })]);
    const name = 'providers:com.foo.Api::';
    assert.deepEqual(ids(name), ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.2:20880']);
    const parsed = parseDubboName('providers:com.foo.Api');
    assert.ok(parsed);
    directory.removeProviders(parsed, 'providers:com.foo.Api');
    assert.deepEqual(ids(name), ['dubbo://10.0.0.2:20880']);
  });

  it('reads an application by the metadata report, and keeps its services while it has no instance', async () => {
    reports.set(`shop ${revision}`, report());
    directory.setApplication('shop', [
      instance('10.0.0.1'),
      instance('10.0.0.2', 'remote', { healthy: false, weight: 2 }),
    ]);
    await poll(() => ids()?.length === 4, { what: 'the providers' });
    const service = services.get(key(api));
    assert.deepEqual(
      service?.instances.map(({ id, weight, health }) => [id, weight, health]),
      [
        ['dubbo://10.0.0.1:20880', 200, 'healthy'],
        ['dubbo://10.0.0.2:20880', 400, 'unhealthy'],
        ['tri://10.0.0.1:50051', 200, 'healthy'],
        ['tri://10.0.0.2:50051', 400, 'unhealthy'],
      ],
    );
    assert.equal(service?.instances[0]?.metadata['dubbo.tag'], 'gray');
    assert.equal(service?.attributes['application'], 'shop');
    assert.ok(directory.isDerived(api) && directory.isApplication('shop'));
    directory.setApplication('shop', []);
    assert.deepEqual(ids(), []);
    assert.equal(services.get(key(api))?.ports.length, 2);
    directory.removeApplication('shop');
    assert.equal(services.size, 0);
  });

  it('is one service without duplicates when it is registered in both ways, until both have lost it', async () => {
    reports.set(`shop ${revision}`, report());
    setProviders(api, [provider('10.0.0.1'), provider('10.0.0.1', 'tri', 50_051)]);
    directory.setApplication('shop', [instance('10.0.0.1')]);
    await directory.settled(abort.signal);
    assert.deepEqual(ids(), ['dubbo://10.0.0.1:20880', 'tri://10.0.0.1:50051']);
    assert.ok(!directory.isDerived(api));
    // One that has not been moved yet is there beside those that have.
    setProviders(api, [provider('10.0.0.1'), provider('10.0.0.7')]);
    assert.deepEqual(ids(), ['dubbo://10.0.0.1:20880', 'dubbo://10.0.0.7:20880', 'tri://10.0.0.1:50051']);
    setProviders(api, []);
    assert.deepEqual(ids(), ['dubbo://10.0.0.1:20880', 'tri://10.0.0.1:50051']);
    const name = parseDubboName(api);
    assert.ok(name);
    directory.removeProviders(name, api);
    assert.equal(ids()?.length, 2);
    directory.removeApplication('shop');
    assert.equal(services.size, 0);
  });

  it('takes the instances of an application that is gone out of what another one provides too', async () => {
    reports.set(`shop ${revision}`, report());
    reports.set(`basket ${revision}`, report());
    directory.setApplication('basket', [instance('10.0.0.1')]);
    await directory.settled(abort.signal);
    directory.setApplication('shop', [instance('10.0.0.2')]);
    await directory.settled(abort.signal);
    assert.equal(ids()?.length, 4);
    // The registry can say that it is gone without having said before that it is empty.
    directory.removeApplication('basket');
    assert.deepEqual(ids(), ['dubbo://10.0.0.2:20880', 'tri://10.0.0.2:50051']);
    directory.removeApplication('shop');
    assert.equal(services.size, 0);
  });

  it('tells what is lacking, keeps what was known before, and takes it when it comes', async () => {
    reports.set(`shop ${revision}`, report());
    directory.setApplication('shop', [instance('10.0.0.1')]);
    await poll(() => ids()?.length === 2);
    const changed = { ...instance('10.0.0.1').metadata, 'dubbo.metadata.revision': 'newer' };
    directory.setApplication('shop', [instance('10.0.0.1', 'remote', { metadata: changed })]);
    await poll(() => failing.has('shop'), { what: 'the failure' });
    assert.match(failing.get('shop')?.message ?? '', /newer/);
    assert.ok(directory.isLacking);
    assert.equal(ids()?.length, 2, 'what was known is gone');
    reports.set('shop newer', report('com.foo.Other').replaceAll(revision, 'newer'));
    await poll(() => !failing.has('shop'), { timeoutMs: 10_000, what: 'the metadata to come' });
    assert.deepEqual(ids(), []);
    assert.equal(ids('providers:com.foo.Other:1.0.0:g1')?.length, 2);
  });

  const versions = async (from: number, until: number) => {
    for (let version = from; version < until; version++) {
      const own = { ...instance('10.0.0.1').metadata, 'dubbo.metadata.revision': `r${version}` };
      const text = report().replaceAll(revision, `r${version}`).replaceAll('1.0.0', `${version}`);
      reports.set(`shop r${version}`, text);
      directory.setApplication('shop', [instance('10.0.0.1', 'remote', { metadata: own })]);
      await directory.settled(abort.signal);
    }
  };
  const version = (number: number) => `providers:com.foo.Api:${number}:g1`;

  it('lets go of what releases have emptied, the oldest first, and of nothing that is registered', async () => {
    setProviders(version(0), []);
    setProviders(api, [provider('10.0.0.1')]);
    setProviders(api, []);
    await versions(0, 66);
    assert.equal(services.size, 2 + 65);
    await versions(66, 70);
    assert.equal(services.size, 2 + 1 + 64);
    assert.deepEqual([ids(version(69))?.length, ids(version(68)), ids(version(5))], [2, [], []]);
    for (const gone of [1, 2, 3, 4]) {
      assert.ok(!services.has(key(version(gone))) && !watched.has(version(gone)), `${gone} is there`);
    }
    assert.ok(watched.has(version(69)) && watched.has(version(5)));
    assert.deepEqual([ids(version(0)), ids(api)], [[], []]);
    // What came back is not the oldest any more.
    await versions(5, 6);
    await versions(70, 72);
    assert.deepEqual([ids(version(5)), services.has(key(version(6)))], [[], false]);
  });

  it('lets go of nothing of an application that has no instance for a time, however much it provides', async () => {
    const entry = (version: number) => ({ name: 'com.foo.Api', group: 'g1', version: `${version}`, protocol: 'dubbo' });
    const all = Array.from({ length: 70 }, (_, index) => [`${index}`, { ...entry(index), port: 20_880 }] as const);
    reports.set(`shop ${revision}`, JSON.stringify({ app: 'shop', revision, services: Object.fromEntries(all) }));
    directory.setApplication('shop', [instance('10.0.0.1')]);
    await directory.settled(abort.signal);
    assert.equal(services.size, 70);
    directory.setApplication('shop', []);
    assert.deepEqual([services.size, ids(version(0))], [70, []]);
  });

  it('lets go of nothing that an earlier process published and that may be provided still', async () => {
    await versions(0, 70);
    const known = [...services].map(([name, service]) => {
      const id = parseDubboName(name.split('@@')[2] ?? '');
      assert.ok(id);
      return { interfaceName: id.interfaceName, id, service };
    });
    assert.equal(known.length, 65);
    services.clear();
    reports.clear();
    directory.close();
    const more = known.map(({ interfaceName, id, service }) => {
      const other = { interfaceName, version: `${id.version}.1`, group: id.group };
      return { interfaceName, id: other, service: { ...service, name: key(formatDubboName(other)) } };
    });
    directory = make(new EarlierProviders([...known, ...more]));
    directory.setApplication('shop', [instance('10.0.0.9')]);
    await poll(() => failing.has('shop'), { what: 'the failure' });
    assert.equal(services.size, 130);
  });

  it('asks nobody any more and says nothing when it is closed', async () => {
    directory.setApplication('shop', [instance('10.0.0.1')]);
    await poll(() => failing.has('shop'), { what: 'the failure' });
    directory.close();
    assert.ok(!failing.has('shop') && !directory.isApplication('shop'));
    await directory.settled(abort.signal);
  });

  it('publishes what changes, and the very same object for what does not', () => {
    setProviders(api, [provider('10.0.0.1'), provider('10.0.0.2')]);
    const before = services.get(key(api));
    setProviders('providers:com.foo.Other::', [provider('10.0.0.1')]);
    setProviders(api, [provider('10.0.0.2'), provider('10.0.0.1')]);
    assert.equal(services.get(key(api)), before);
    assert.equal(published, 3);
  });

  it('makes nothing of what is no instance', () => {
    setProviders(api, [null, 5, 'x', [], {}, { ip: 1, port: '80' }, { ip: '10.0.0.1', port: 80, metadata: [] }]);
    directory.setApplication('shop', [null, {}, { metadata: { 'dubbo.metadata.revision': 5 } }]);
    assert.deepEqual(ids(), ['dubbo://10.0.0.1:80']);
    assert.equal(services.get(key(api))?.rejected?.length, 6);
  });
});
