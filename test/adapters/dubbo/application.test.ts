import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import {
  type ApplicationInstance,
  instanceFrom,
  parseZookeeperInstance,
} from '../../../adapters/dubbo/application-instance.js';
import { ApplicationTable } from '../../../adapters/dubbo/application-table.js';
import { parseMapping } from '../../../adapters/dubbo/mapping.js';
import { mergeModes } from '../../../adapters/dubbo/merge-modes.js';
import {
  MetadataError,
  type MetadataInfo,
  metadataInfoFrom,
  parseMetadataReport,
} from '../../../adapters/dubbo/metadata-info.js';
import { routeOf } from '../../../adapters/dubbo/metadata-service/route.js';
import { ProviderReader } from '../../../adapters/dubbo/provider.js';
import { defaultServicePorts, type ServiceRecords, serviceFrom } from '../../../adapters/dubbo/service.js';
import { serviceProblems } from '../../../testkit/index.js';
import { applicationInstance, greet, provider, records } from './make.js';

const node = (metadata: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  JSON.stringify({
    name: 'shop',
    id: '10.0.0.1:20880',
    address: '10.0.0.1',
    port: 20880,
    payload: { '@class': 'org.apache.dubbo.registry.zookeeper.ZookeeperInstance', metadata },
    serviceType: 'DYNAMIC',
    ...more,
  });
const metadata = {
  'dubbo.endpoints': '[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"}]',
  'dubbo.metadata-service.url-params': '{"port":"50051","protocol":"tri","version":"2.0.0"}',
  'dubbo.metadata.revision': 'abc123',
  'dubbo.metadata.storage-type': 'local',
  'meta-v': '2.0.0',
  timestamp: '1795394537655',
  env: 'gray',
};

function read(text: string): ApplicationInstance {
  const outcome = parseZookeeperInstance('shop', '10.0.0.1:20880', text);
  assert.ok(outcome.kind === 'instance', JSON.stringify(outcome));
  return outcome.instance;
}

describe('an instance by application', () => {
  it('is read from ZooKeeper', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(read(node(metadata)))), {
      application: 'shop',
      address: '10.0.0.1',
      port: 20880,
      endpoints: { dubbo: 20880, tri: 50051 },
      revision: 'abc123',
      storage: 'local',
      metadataService: { protocol: 'tri', port: 50051, version: '2.0.0' },
      timestampMs: 1795394537655,
      health: 'healthy',
      weight: 100,
      metadata: { env: 'gray' },
    });
    assert.equal(read(node(metadata, { address: '2001:DB8::1' })).address, '2001:db8::1');
    assert.equal(read(node(metadata, { address: 'Pod-1.example' })).address, 'pod-1.example');
    assert.equal(read(node({ ...metadata, 'dubbo.metadata.storage-type': 'remote' })).metadataService, undefined);
  });

  it('is asked by the route that it announces', () => {
    const kind = (params: string, version?: string) =>
      routeOf(read(node({ ...metadata, 'dubbo.metadata-service.url-params': params, 'meta-v': version }))).kind;
    assert.equal(kind('{"port":"1","protocol":"tri"}', '2.0.0'), 'v2');
    assert.equal(kind('{"port":1,"protocol":"tri"}'), 'triple');
    assert.equal(kind('{"port":"1","protocol":"dubbo"}', '1.0.0'), 'dubbo');
    assert.equal(kind('{"port":"1","protocol":"dubbo"}'), 'dubbo');
    for (const params of [
      '',
      '{',
      '[]',
      '{"protocol":"tri"}',
      '{"port":"0","protocol":"tri"}',
      '{"port":"1","protocol":"rest"}',
    ]) {
      assert.throws(() => kind(params), MetadataError, params);
    }
    assert.equal(routeOf(read(node(metadata, { address: '2001:db8::1' }))).authority, '[2001:db8::1]:50051');
  });

  it('shows no credentials', () => {
    const params =
      '{"port":"50051","protocol":"tri","auth":"true","authenticator":"basic","username":"me","password":"S3CRET"}';
    const instance = read(
      node({
        ...metadata,
        'dubbo.metadata-service.url-params': params,
        'my.token': 'S3CRET',
        db: 'jdbc://me:S3CRET@h',
      }),
    );
    assert.equal(instance.metadataService?.basicAuth?.reveal(), 'me:S3CRET');
    assert.doesNotMatch(JSON.stringify(instance) + inspect(instance, { depth: 9 }), /S3CRET/);
  });

  it('is none of Dubbo without a revision, and rejected when it cannot be read', () => {
    assert.equal(parseZookeeperInstance('shop', 'x', '{"address":"10.0.0.1","port":1}').kind, 'foreign');
    const reason = (text: string) => {
      const outcome = parseZookeeperInstance('shop', 'x', text);
      return outcome.kind === 'rejected' ? outcome.rejection.reason : outcome.kind;
    };
    assert.match(reason('{'), /no JSON/);
    assert.match(reason('[]'), /no JSON object/);
    assert.match(reason('x'.repeat(2_000_000)), /longer/);
    assert.match(reason(node(metadata, { address: '0.0.0.0' })), /unspecified/);
    assert.match(reason(node(metadata, { address: 7 })), /empty/);
    assert.match(reason(node(metadata, { port: 0 })), /port/);
    assert.match(reason(node({ ...metadata, 'dubbo.metadata.revision': '../x' })), /revision/);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({
            'dubbo.metadata.revision': fc.anything(),
            timestamp: fc.anything(),
            'dubbo.endpoints': fc.oneof(fc.anything(), fc.json()),
            'dubbo.metadata-service.url-params': fc.oneof(fc.anything(), fc.json()),
          }),
        ),
        fc.anything(),
        fc.anything(),
        (value, host, port) => {
          instanceFrom({ application: 'shop', host, port, metadata: value });
          instanceFrom({ application: 'shop', host: '10.0.0.1', port: 1, metadata: value });
        },
      ),
    );
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseZookeeperInstance('shop', text, text)));
  });
});

describe('a mapping', () => {
  it('names applications', () => {
    assert.deepEqual(parseMapping('shop, old-shop,,shop'), ['old-shop', 'shop']);
    assert.deepEqual(parseMapping(''), []);
    assert.deepEqual(parseMapping(`a b,../x,${'x'.repeat(300)}`), []);
    assert.equal(parseMapping('a,'.repeat(10_000).slice(0, -1))?.length, 1);
    assert.equal(parseMapping('a,'.repeat(10_000)), undefined);
    assert.equal(parseMapping(`${'a,'.repeat(10)}${'x'.repeat(1_048_576)}`), undefined);
  });
});

const service = (protocol: string, port: number | undefined, params: Record<string, string> = {}) => ({
  name: greet,
  group: 'g1',
  version: '1.0.0',
  protocol,
  path: greet,
  ...(port !== undefined && { port }),
  params: { weight: '200', timeout: '3000', release: '3.3.6', ...params },
});

function report(revision: string, ...services: unknown[]): MetadataInfo {
  const entries = Object.fromEntries(services.map((entry, index) => [String(index), entry]));
  return parseMetadataReport(JSON.stringify({ app: 'shop', revision, services: entries }), 'shop', revision);
}

describe('metadata by revision', () => {
  it('are refused when they are of another revision, or none', () => {
    const text = JSON.stringify({ app: 'shop', revision: 'r2', services: {} });
    assert.throws(() => parseMetadataReport(text, 'shop', 'r1'), /r1 was asked for, and r2 came back/);
    for (const bad of [
      '',
      'null',
      '[]',
      '7',
      '{"revision":"r1"}',
      '{"revision":"r1","services":{"a":7}}',
      '{"revision":"r1","services":{"a":{}}}',
    ]) {
      assert.throws(() => parseMetadataReport(bad, 'shop', 'r1'), MetadataError, bad);
    }
  });

  it('are read in one go through parameters that ten thousand services share', () => {
    let looks = 0;
    const entries = { timeout: '5', ...Object.fromEntries(Array.from({ length: 50 }, (_, index) => [index, null])) };
    const params = new Proxy(entries, {
      ownKeys: (target) => {
        looks++;
        return Reflect.ownKeys(target);
      },
    });
    const services = Array.from({ length: 10_000 }, (_, index) => [String(index), { name: 'com.foo.Api', params }]);
    const info = metadataInfoFrom({ revision: 'r', services: Object.fromEntries(services) }, 'shop', 'r');
    assert.deepEqual(info.services.at(-1)?.params, [['timeout', '5']]);
    assert.equal(looks, 1);
  });

  it('throw nothing but MetadataError', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          parseMetadataReport(text, 'shop', 'r1');
        } catch (error) {
          assert.ok(error instanceof MetadataError);
        }
      }),
    );
  });
});

describe('ApplicationTable', () => {
  const both = () => applicationInstance({ endpoints: { dubbo: 20880, tri: 50051 }, timestampMs: 5 });
  const known =
    (...infos: MetadataInfo[]) =>
    (revision: string) =>
      infos.find((info) => info.revision === revision);
  const make = () => new ApplicationTable(new ProviderReader());
  const only = (table: ApplicationTable, name = greet): ServiceRecords => {
    const list = table.recordsOf(name);
    assert.equal(list.length, 1);
    return list[0] as ServiceRecords;
  };
  const ids = (table: ApplicationTable) =>
    table.recordsOf(greet).flatMap(({ providers }) => providers.map(({ instance }) => instance.id));

  it('gives the service that registration by interface gives', () => {
    const table = make();
    const info = report('r1', service('dubbo', 20880), service('tri', 50051));
    const { touched, lacking } = table.update('shop', [both()], known(info));
    assert.deepEqual([[...touched], [...lacking]], [[greet], []]);
    const byApplication = serviceFrom(only(table), defaultServicePorts, undefined);
    const query = '&group=g1&version=1.0.0&weight=200&timeout=3000&release=3.3.6&timestamp=5';
    const byInterface = serviceFrom(
      records(provider('10.0.0.1:20880', query), provider('10.0.0.1:50051', query, 'tri')),
      defaultServicePorts,
      undefined,
    );
    assert.deepEqual(byApplication, byInterface);
    assert.deepEqual(serviceProblems(byApplication), []);
  });

  it('takes the port of the endpoint where the metadata say none, and else the main port', () => {
    const table = make();
    table.update(
      'shop',
      [applicationInstance({ endpoints: { tri: 50051 } })],
      known(report('r1', service('tri', undefined), service('dubbo', -1 as number))),
    );
    assert.deepEqual(ids(table), ['tri://10.0.0.1:50051', 'dubbo://10.0.0.1:20880']);
  });

  it('keeps what an instance provided until its new revision is known, and tells what is lacking', () => {
    const table = make();
    const first = report('r1', service('dubbo', 20880));
    table.update('shop', [both()], known(first));
    const next = { ...both(), revision: 'r2' };
    const other = applicationInstance({ address: '10.0.0.2', revision: 'r3' });
    const change = table.update('shop', [next, other], known(first));
    assert.deepEqual([[...change.touched], [...change.lacking]], [[], ['r2', 'r3']]);
    assert.deepEqual([...(table.lacking.get('shop') ?? [])], ['r2', 'r3']);
    assert.deepEqual(ids(table), ['dubbo://10.0.0.1:20880']);
    const changed = table.update(
      'shop',
      [next, other],
      known(report('r2', service('tri', 50051)), report('r3', service('dubbo', 20880))),
    );
    assert.deepEqual([...changed.touched], [greet]);
    assert.deepEqual(ids(table), ['tri://10.0.0.1:50051', 'dubbo://10.0.0.2:20880']);
    assert.equal(table.lacking.size, 0);
    // A new keeper that knows nothing yet takes nothing away.
    assert.deepEqual([...table.update('shop', [next, other], () => undefined).lacking], []);
    assert.equal(ids(table).length, 2);
  });

  it('lets go who is gone, and an application that is', () => {
    const table = make();
    const info = report('r1', service('dubbo', 20880));
    const second = applicationInstance({ address: '10.0.0.2' });
    table.update('shop', [both(), second], known(info));
    table.update('shop', [second], known(info));
    assert.deepEqual(ids(table), ['dubbo://10.0.0.2:20880']);
    assert.deepEqual([...table.remove('shop').touched], [greet]);
    assert.deepEqual([ids(table), [...table.interfaces], [...table.applications]], [[], [], []]);
  });

  it('gives the very same providers for what did not change, and touches nothing then', () => {
    const table = make();
    const info = report('r1', service('dubbo', 20880));
    table.update('shop', [both()], known(info));
    const [before] = only(table).providers;
    assert.deepEqual([...table.update('shop', [both()], known(info)).touched], []);
    assert.equal(only(table).providers[0], before);
  });

  it('joins what several applications provide, and scales by the registry', () => {
    const table = make();
    table.update('shop', [both()], known(report('r1', service('dubbo', 20880))));
    const scaled = applicationInstance({ application: 'old', address: '10.0.0.2', weight: 50, health: 'unhealthy' });
    table.update('old', [scaled], known(report('r1', service('dubbo', 1))));
    const shown = only(table).providers.map(({ application, instance }) => [
      application,
      instance.weight,
      instance.health,
    ]);
    assert.deepEqual(shown, [
      ['shop', 200, 'healthy'],
      ['old', 100, 'unhealthy'],
    ]);
    assert.equal(serviceFrom(only(table), defaultServicePorts, undefined).attributes['application'], '');
  });

  it('leaves out one bad service, and none of the secrets of its parameters are shown', () => {
    const table = make();
    const info = report(
      'r1',
      service('dubbo', 20880, { password: 'S3CRET', token: 'S3CRET' }),
      service('rmi', 1, { password: 'S3CRET' }),
      { ...service('dubbo', 1), version: 'a:b' },
    );
    table.update('shop', [both()], known(info));
    const all = table.recordsOf(greet);
    assert.doesNotMatch(JSON.stringify(all), /S3CRET/);
    assert.equal(all.flatMap(({ providers }) => providers).length, 1);
    assert.equal(all.flatMap(({ rejected }) => rejected).length, 2);
  });

  it("leaves out Dubbo's own service, and a second protocol on the same port", () => {
    const table = make();
    const own = { ...service('dubbo', 20880), name: 'org.apache.dubbo.metadata.MetadataService' };
    table.update(
      'shop',
      [both()],
      known(report('r1', own, service('dubbo', 20880), service('tri', 20880, { isExtra: 'true' }))),
    );
    assert.deepEqual([...table.interfaces], [greet]);
    assert.deepEqual(ids(table), ['dubbo://10.0.0.1:20880']);
  });

  it('has no service of an instance that exports nothing', () => {
    const table = make();
    assert.deepEqual([...table.update('shop', [applicationInstance({ revision: '0' })], () => undefined).lacking], []);
  });
});

describe('a service registered in both ways', () => {
  const byInterface = provider('10.0.0.1:20880', '&weight=50&timestamp=9');
  const byApplication = provider('10.0.0.1:20880', '&weight=200');
  it('is one, without duplicates, as it is registered by interface', () => {
    const merged = mergeModes(records(byInterface), records(byApplication, provider('10.0.0.2:20880')));
    assert.deepEqual(
      merged?.providers.map(({ instance }) => [instance.id, instance.weight]),
      [
        ['dubbo://10.0.0.1:20880', 50],
        ['dubbo://10.0.0.2:20880', 100],
      ],
    );
  });

  it('is gone only when both have lost it', () => {
    const without: ServiceRecords = { ...records(byInterface), providers: [] };
    assert.equal(mergeModes(without, records(byApplication))?.providers.length, 1);
    assert.equal(mergeModes(records(byInterface), without)?.providers.length, 1);
    assert.equal(mergeModes(records(byInterface), undefined)?.providers.length, 1);
    assert.equal(mergeModes(without, without)?.providers.length, 0);
    assert.equal(mergeModes(undefined, undefined), undefined);
  });

  it('serves when it serves in one way, but not when it was switched off by interface', () => {
    const down = { ...byInterface, instance: { ...byInterface.instance, health: 'unhealthy' as const } };
    assert.equal(mergeModes(records(down), records(byApplication))?.providers[0]?.instance.health, 'healthy');
    const off = provider('10.0.0.1:20880', '&disabled=true');
    assert.equal(mergeModes(records(off), records(byApplication))?.providers[0]?.instance.health, 'unhealthy');
    const noWeight = provider('10.0.0.1:20880', '&weight=0');
    assert.equal(mergeModes(records(noWeight), records(byApplication))?.providers[0]?.instance.weight, 0);
  });
});
