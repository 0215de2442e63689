import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ConsulConfig, consulSchema } from '../../../adapters/consul/config.js';
import { ConsulError } from '../../../adapters/consul/consul-error.js';
import { convertService } from '../../../adapters/consul/convert.js';
import { decodeEntries } from '../../../adapters/consul/entries.js';
import type { DeclaredProtocol } from '../../../adapters/consul/protocol.js';
import { Sharing } from '../../../adapters/consul/sharing.js';
import type { Instance, Service } from '../../../core/plugin/index.js';
import { assertService } from '../../../testkit/index.js';
import { aCheck, aRow, type RowOptions } from './rows.js';

const config = consulSchema.parse({ servers: ['http://127.0.0.1:8500'] });

function convert(
  rows: readonly unknown[],
  overrides: Partial<ConsulConfig> = {},
  before?: Service,
  of: Partial<DeclaredProtocol> = {},
): Service | undefined {
  const declared = { own: undefined, global: undefined, ...of };
  const identity = { name: 'web', published: 'web', datacenter: '', namespace: '', declared };
  return convertService(identity, decodeEntries(rows), { ...config, ...overrides }, new Sharing(), before);
}

function one(row: RowOptions, overrides: Partial<ConsulConfig> = {}): Instance {
  return convert([aRow(row)], overrides)?.instances[0] ?? assert.fail('no instance');
}

function reason(row: RowOptions): string {
  return convert([aRow(row)])?.rejected?.[0]?.reason ?? assert.fail('not rejected');
}

describe('adapters/consul: conversion', () => {
  it('names an instance after its node and id, for ids are unique on a node alone', () => {
    const service = convert([aRow(), aRow({ node: { Node: 'host-2' } })]);
    assert.deepEqual(
      service?.instances.map(({ id }) => id),
      ['host-1/web-1', 'host-2/web-1'],
    );
  });

  it('takes the address of the node where the service has none', () => {
    assert.equal(one({ service: { Address: '' } }).address, '10.0.0.9');
    assert.equal(one({ service: { Address: 'Web.Example.' } }).address, 'web.example');
    assert.equal(one({ service: { Address: '[2001:DB8::1]' } }).address, '2001:db8::1');
  });

  it('makes health of the worst check', () => {
    const health = (checks: Record<string, unknown>[], overrides = {}) => one({ checks }, overrides).health;
    assert.equal(health([]), 'healthy');
    assert.equal(health([aCheck('passing'), aCheck('warning', 'b')]), 'healthy');
    assert.equal(
      health([aCheck('warning')], { health: { warning: 'unhealthy', maintenance: 'draining' } }),
      'unhealthy',
    );
    assert.equal(health([aCheck('critical'), aCheck('warning', 'b'), aCheck('passing', 'c')]), 'unhealthy');
    assert.equal(health([aCheck('critical', 'b'), aCheck('critical', '_service_maintenance:web-1')]), 'draining');
    assert.equal(health([aCheck('critical', '_node_maintenance')]), 'draining');
    assert.equal(health([aCheck('passing', '_node_maintenance')]), 'healthy');
  });

  it('takes the weight of the state, a hundred times', () => {
    const weight = (status: string, Weights: unknown) => one({ service: { Weights }, checks: [aCheck(status)] }).weight;
    assert.equal(weight('passing', { Passing: 3, Warning: 2 }), 300);
    assert.equal(weight('warning', { Passing: 3, Warning: 2 }), 200);
    assert.equal(weight('warning', { Passing: 3, Warning: 0 }), 0);
    assert.equal(weight('passing', { Passing: 65_535, Warning: 1 }), 1_000_000);
    assert.equal(weight('passing', undefined), 100);
    assert.equal(weight('passing', null), 100);
  });

  it('takes the zone from the service, then from the node; the region is the datacenter', () => {
    assert.deepEqual(one({}).locality, { region: 'dc1', zone: '', subzone: '' });
    const node = { Meta: { zone: 'n' } };
    assert.equal(one({ node }).locality?.zone, 'n');
    assert.equal(one({ node, service: { Meta: { zone: 's' } } }).locality?.zone, 's');
    assert.equal(one({ node: { Datacenter: '' } }).locality, undefined);
  });

  it('takes the protocol from metadata, then tags, then the configuration, where instances agree', () => {
    const protocol = (rows: RowOptions[], overrides: Partial<ConsulConfig> = {}) =>
      convert(rows.map(aRow), overrides)?.ports[0]?.protocol;
    const meta = (value: string) => ({ service: { Meta: { protocol: value } } });
    assert.equal(protocol([{}]), 'http');
    assert.equal(protocol([{}], { protocol: 'tcp' }), 'tcp');
    assert.equal(protocol([meta('GRPC')]), 'grpc');
    assert.equal(protocol([{ service: { Meta: { 'istio-protocol': 'mongo' } } }]), 'mongo');
    assert.equal(protocol([meta('carrier-pigeon')]), 'http');
    assert.equal(protocol([{ service: { Tags: ['v1', 'grpc'] } }]), 'grpc');
    assert.equal(protocol([{ service: { Tags: ['http', 'grpc'] } }]), 'http');
    assert.equal(protocol([{ service: { Tags: ['grpc'] } }], { protocolFromTags: false }), 'http');
    assert.equal(protocol([{ service: { Tags: ['grpc'], Meta: { protocol: 'tcp' } } }]), 'tcp');
    assert.equal(protocol([meta('grpc'), { node: { Node: 'b' } }]), 'grpc');
    assert.equal(protocol([meta('grpc'), { ...meta('tcp'), node: { Node: 'b' } }]), 'http');
  });

  it('takes the protocol that Consul declares of the service before, and that of all services after what they say', () => {
    const protocol = (row: RowOptions, declared: Partial<DeclaredProtocol>) =>
      convert([aRow(row)], {}, undefined, declared)?.ports[0]?.protocol;
    const meta = { service: { Meta: { protocol: 'mongo' } } };
    assert.equal(protocol(meta, { own: 'grpc', global: 'http2' }), 'grpc');
    assert.equal(protocol(meta, { global: 'http2' }), 'mongo');
    assert.equal(protocol({}, { global: 'http2' }), 'http2');
  });

  it('takes the tagged address asked for, of the instance, then of the node, then the plain one', () => {
    const service = {
      TaggedAddresses: { wan: { Address: '198.51.100.7', Port: 443 }, lan_ipv6: { Address: '2001:db8::7' } },
    };
    const node = { TaggedAddresses: { wan: '198.51.100.1' } };
    const where = (row: RowOptions, addressTag: ConsulConfig['addressTag']) => {
      const { address, ports } = one(row, { addressTag });
      return `${address} ${ports['http']}`;
    };
    assert.equal(where({ service, node }, 'wan'), '198.51.100.7 443');
    assert.equal(where({ service, node }, 'lan_ipv6'), '2001:db8::7 8080');
    assert.equal(where({ service, node }, undefined), '10.0.0.1 8080');
    assert.equal(where({ service, node }, 'wan_ipv4'), '10.0.0.1 8080');
    // Consul's own rule: the node's counts where the instance is where its node is.
    assert.equal(where({ node, service: { Address: '' } }, 'wan'), '198.51.100.1 8080');
    assert.equal(where({ node }, 'wan'), '10.0.0.1 8080');
    assert.equal(where({ service: { TaggedAddresses: { wan: 7, lan: { Address: 7 } } } }, 'wan'), '10.0.0.1 8080');
  });

  it('takes region and zone of the locality where Consul has one, of the instance and then of the node', () => {
    const Locality = { Region: 'eu-1', Zone: 'eu-1b' };
    assert.deepEqual(one({ service: { Locality } }).locality, { region: 'eu-1', zone: 'eu-1b', subzone: '' });
    assert.deepEqual(one({ node: { Locality, Meta: { zone: 'n' } } }).locality?.zone, 'eu-1b');
    assert.equal(one({ node: { Locality: { Region: 7 }, Meta: { zone: 'n' } } }).locality?.zone, 'n');
  });

  it('maps warning and maintenance as it is told to', () => {
    const health = { warning: 'draining', maintenance: 'unhealthy' } as const;
    assert.equal(one({ checks: [aCheck('warning')] }, { health }).health, 'draining');
    assert.equal(one({ checks: [aCheck('critical', '_node_maintenance')] }, { health }).health, 'unhealthy');
    assert.equal(one({ checks: [aCheck('critical')] }, { health }).health, 'unhealthy');
  });

  it('gives a service-side port that does not depend on what instances listen on', () => {
    const ports = (rows: RowOptions[], overrides: Partial<ConsulConfig> = {}) =>
      convert(rows.map(aRow), overrides)?.ports;
    assert.deepEqual(ports([{}, { node: { Node: 'b' }, service: { Port: 9999 } }]), [
      { name: 'http', number: 80, protocol: 'http' },
    ]);
    assert.deepEqual(ports([{}], { servicePort: 8000 }), [{ name: 'http', number: 8000, protocol: 'http' }]);
    assert.deepEqual(ports([{ service: { Meta: { protocol: 'https' } } }])?.[0]?.number, 443);
    const grpc = { service: { Meta: { gRPC_port: '9090' } } };
    assert.deepEqual(one(grpc).ports, { http: 8080, grpc: 9090 });
    assert.deepEqual(ports([grpc, { node: { Node: 'b' } }]), [
      { name: 'http', number: 80, protocol: 'http' },
      { name: 'grpc', number: 9090, protocol: 'grpc' },
    ]);
    assert.deepEqual(one({ service: { Meta: { gRPC_port: '09090' } } }).ports, { http: 8080 });
  });

  it('carries metadata and tags, and no credentials', () => {
    const Meta = { version: '2', DB_PASSWORD: 'x', 'api-key': 'x', AuthToken: 'x', client_secret: 'x' };
    const { metadata } = one({ service: { Meta, Tags: ['b', 'a'] } });
    assert.deepEqual({ ...metadata }, { version: '2', 'consul.tags': 'a,b' });
  });

  it('leaves out a bad instance alone, with the reason', () => {
    assert.match(reason({ service: { Port: 0 } }), /no port/);
    for (const Port of [-1, 65_536, 80.5, '80', null, {}])
      assert.match(reason({ service: { Port } }), /port/i, String(Port));
    for (const Address of ['0.0.0.0', '169.254.1.1', 'a b', '224.0.0.1', 7]) reason({ service: { Address } });
    assert.match(reason({ service: { ID: '' } }), /ID is empty/);
    assert.match(reason({ service: { Tags: 'x' } }), /Tags/);
    assert.match(reason({ service: { Weights: { Passing: -1 } } }), /Passing/);
    assert.match(reason({ checks: [aCheck('shrug')] }), /unknown status/);
    const mixed = convert([aRow({ service: { ID: 'bad', Port: 0 } }), null, 'text', [], aRow()]);
    assert.equal(mixed?.instances.length, 1);
    assert.equal(mixed?.rejected?.length, 4);
    const hostile = convert([aRow({ service: { ID: `x\n\u202e${'y'.repeat(900)}`, Port: 0 } })])?.rejected?.[0]?.record;
    assert.ok(hostile !== undefined && hostile.length <= 200 && !/[\n\u202e]/.test(hostile));
  });

  it('reads only instances that have all tags asked for', () => {
    const rows = [aRow({ service: { Tags: ['a', 'b'] } }), aRow({ node: { Node: 'other' }, service: { Tags: ['a'] } })];
    assert.deepEqual(
      convert(rows, { tags: ['a', 'b'] })?.instances.map(({ id }) => id),
      ['host-1/web-1'],
    );
  });

  it('leaves out instances with a tag that is not wanted', () => {
    const rows = [aRow({ service: { Tags: ['canary'] } }), aRow({ node: { Node: 'b' } })];
    assert.deepEqual(
      convert(rows, { excludeTags: ['canary'] })?.instances.map(({ id }) => id),
      ['b/web-1'],
    );
  });

  it('publishes nothing of proxies and gateways', () => {
    for (const Kind of ['connect-proxy', 'mesh-gateway', 'terminating-gateway', 'ingress-gateway', 'something-new']) {
      assert.equal(convert([aRow({ service: { Kind } })]), undefined);
    }
  });

  it('keeps ports, names and the very objects of what did not change', () => {
    const grpc = { service: { Tags: ['grpc'] } };
    const before = convert([aRow(grpc), aRow({ ...grpc, node: { Node: 'b' } })]);
    const after = convert(
      [aRow(grpc), aRow({ service: { ...grpc.service, Port: 1 }, node: { Node: 'b' } })],
      {},
      before,
    );
    assert.equal(after?.instances[1], before?.instances[1]);
    assert.notEqual(after?.instances[0], before?.instances[0]);
    const empty = convert([], {}, before);
    assert.deepEqual(empty?.instances, []);
    assert.equal(empty?.ports, before?.ports);
    assert.equal(empty?.attributes, before?.attributes);
  });

  it('shares what instances have in common', () => {
    const meta = { service: { Meta: { version: '1' } } };
    const [a, b] = convert([aRow(meta), aRow({ ...meta, node: { Node: 'b' } })])?.instances ?? [];
    assert.equal(a?.metadata, b?.metadata);
    assert.equal(a?.ports, b?.ports);
    assert.equal(a?.locality, b?.locality);
  });

  it('refuses an answer that is no list of instances', () => {
    for (const body of [{}, 'x', 7, undefined]) {
      assert.throws(
        () => decodeEntries(body),
        (error) => error instanceof ConsulError && error.failure === 'malformed',
      );
    }
    assert.deepEqual(decodeEntries(null).entries, []);
  });

  it('makes sound services of anything', function () {
    this.timeout(90_000);
    const part = () =>
      fc.option(fc.dictionary(fc.constantFrom('Node', 'ID', 'Address', 'Port', 'Meta', 'Tags', 'Kind'), fc.anything()));
    const row = fc.oneof(
      fc.anything(),
      fc.record({ Node: part(), Service: part(), Checks: fc.anything() }),
      fc.tuple(part(), part()).map(([node, service]) => aRow({ node: node ?? {}, service: service ?? {} })),
    );
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
        const service = convert(JSON.parse(JSON.stringify(rows) ?? '[]') as unknown[]);
        if (service) assertService(uniqueIds(service));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Ids may repeat in made-up rows; the core leaves the second out. */
function uniqueIds(service: Service): Service {
  const ids = new Map(service.instances.map((instance) => [instance.id, instance]));
  return { ...service, instances: [...ids.values()] };
}
