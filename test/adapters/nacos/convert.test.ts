import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { type ConvertOptions, toService } from '../../../adapters/nacos/convert.js';
import { StringPool } from '../../../adapters/nacos/metadata.js';
import type { Service } from '../../../core/model/index.js';
import { serviceProblems } from '../../../testkit/index.js';

const options: ConvertOptions = {
  clusters: { include: undefined, exclude: [] },
  clusterLocality: 'none',
  protocol: 'http',
  servicePort: undefined,
};
const orders = { namespace: 'public', group: 'DEFAULT_GROUP', name: 'orders' };
const host = (change: Readonly<Record<string, unknown>> = {}) => ({
  ip: '10.0.0.1',
  port: 8080,
  weight: 1,
  healthy: true,
  enabled: true,
  ephemeral: true,
  clusterName: 'DEFAULT',
  serviceName: 'DEFAULT_GROUP@@orders',
  metadata: {},
  ...change,
});
const convert = (hosts: readonly unknown[], key = orders, own: Partial<ConvertOptions> = {}, before?: Service) =>
  toService(key, hosts, { ...options, ...own }, new StringPool(), before);
const only = (change: Readonly<Record<string, unknown>>, key = orders) => convert([host(change)], key).instances[0];
const ports = ({ ports: all }: Service) => all.map(({ name, number }) => `${name}:${number}`).join();

describe('adapters/nacos convert', () => {
  it('scales weights: 1 is 100, a small one is not none, and none is none', () => {
    const weights = [1, 0.5, 2, 0.001, 0, -1, 1e9, Number.NaN, '2', undefined].map(
      (weight) => only({ weight })?.weight,
    );
    assert.deepEqual(weights, [100, 50, 200, 1, 0, 0, 1_000_000, 100, 100, 100]);
  });

  it('calls healthy what is both healthy and enabled', () => {
    assert.equal(only({})?.health, 'healthy');
    assert.equal(only({ healthy: false })?.health, 'unhealthy');
    assert.equal(only({ enabled: false })?.health, 'unhealthy');
  });

  it('leaves out one bad instance, with its reason, and keeps the rest', () => {
    const bad = [
      host({ ip: '' }),
      host({ ip: '0.0.0.0' }),
      host({ ip: '10.0.0.2', port: 0 }),
      host({ ip: '10.0.0.3', port: '80' }),
      host({ ip: 'a\nb' }),
      null,
      'text',
    ];
    const service = convert([...bad, host()]);
    assert.deepEqual(
      service.instances.map(({ id }) => id),
      ['10.0.0.1:8080'],
    );
    assert.equal(service.rejected?.length, bad.length);
    assert.ok(service.rejected?.every(({ record, reason }) => !record.includes('\n') && reason !== ''));
  });

  it('takes IPv6 addresses and host names', () => {
    const service = convert([host({ ip: '[FD00::1]' }), host({ ip: 'Node-1.example.' })]);
    assert.deepEqual(
      service.instances.map(({ id, address }) => [id, address]),
      [
        ['[fd00::1]:8080', 'fd00::1'],
        ['node-1.example:8080', 'node-1.example'],
      ],
    );
  });

  it('tells instances apart by cluster, and of two equal ones takes the one that serves', () => {
    const service = convert([host({ healthy: false }), host(), host({ clusterName: 'c1' }), host({ healthy: false })]);
    assert.deepEqual(
      service.instances.map(({ id, health }) => [id, health]),
      [
        ['10.0.0.1:8080', 'healthy'],
        ['10.0.0.1:8080@c1', 'healthy'],
      ],
    );
  });

  it('passes metadata on, without what looks like credentials', () => {
    const instance = only({
      clusterName: 'c1',
      metadata: {
        version: 'v1',
        'db.password': 'a',
        accessToken: 'b',
        username: 'c',
        'api-key': 'd',
        params: '{"user":"u","password":"e"}',
        url: 'redis://u:f@host',
        number: 5,
        'nacos.cluster': 'forged',
        __proto__: 'g',
      },
    });
    assert.deepEqual({ ...instance?.metadata }, { 'nacos.cluster': 'c1', 'nacos.ephemeral': 'true', version: 'v1' });
  });

  it('reads the locality from the metadata', () => {
    const metadata = { region: 'eu/1', zone: 'a' };
    assert.deepEqual(only({ metadata })?.locality, { region: 'eu-1', zone: 'a', subzone: '' });
    assert.equal(only({})?.locality, undefined);
  });

  it('names the port by the protocol that the instances agree on, else by the configured one', () => {
    const speaks = (protocol: string, ip = '10.0.0.1') => host({ ip, metadata: { protocol } });
    assert.equal(ports(convert([host()])), 'http:80');
    assert.equal(ports(convert([host()], orders, { protocol: 'tcp' })), 'tcp:9000');
    assert.equal(ports(convert([host()], orders, { servicePort: 7000 })), 'http:7000');
    assert.equal(ports(convert([speaks('gRPC'), host({ ip: '10.0.0.2' })])), 'grpc:80');
    assert.equal(ports(convert([speaks('grpc'), speaks('http2', '10.0.0.2')])), 'http:80');
    assert.equal(ports(convert([speaks('nonsense')])), 'http:80');
    assert.equal(ports(convert([host({ metadata: { secure: 'true' } })])), 'https:443');
    assert.deepEqual(convert([speaks('grpc')]).instances[0]?.ports, { grpc: 8080 });
  });

  it('adds the second port of a Spring Boot gRPC application', () => {
    const service = convert([host({ metadata: { gRPC_port: '9898' } })]);
    assert.equal(ports(service), 'http:80,grpc:9090');
    assert.deepEqual(service.instances[0]?.ports, { grpc: 9898, http: 8080 });
  });

  it('has numbers that do not depend on what instances listen on, and keeps its ports with no instance left', () => {
    const before = convert([host({ metadata: { protocol: 'grpc' }, port: 1 })]);
    assert.equal(ports(before), 'grpc:80');
    assert.equal(ports(convert([], orders, {}, before)), 'grpc:80');
    assert.equal(ports(convert([])), 'http:80');
  });

  it('names namespaces and groups for hosts, and nothing for the default ones', () => {
    const key = { namespace: 'gray', group: 'G1', name: 'orders' };
    assert.deepEqual({ ...convert([], key).attributes }, { name: 'orders', group: 'G1', namespace: 'gray' });
    assert.equal(convert([], key).name, 'gray@@G1@@orders');
    assert.deepEqual({ ...convert([]).attributes }, { name: 'orders', group: '', namespace: '' });
  });

  it('reads the ports of an application-level Dubbo instance', () => {
    const endpoints =
      '[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"},{"port":0,"protocol":"rest"}]';
    const service = convert([host({ port: 20880, metadata: { 'dubbo.endpoints': endpoints } })]);
    assert.equal(ports(service), 'dubbo:20880,tri:50051');
    assert.deepEqual(service.instances[0]?.ports, { dubbo: 20880, tri: 50051 });
    assert.equal(ports(convert([host({ metadata: { 'dubbo.endpoints': '[[[' } })])), 'http:80');
  });

  it('reads only the clusters that are wanted', () => {
    const service = convert([host(), host({ clusterName: 'c1' })], orders, {
      clusters: { include: ['c1'], exclude: [] },
    });
    assert.deepEqual(
      service.instances.map(({ id }) => id),
      ['10.0.0.1:8080@c1'],
    );
    assert.equal(service.rejected, undefined);
  });

  it('gives the very same objects for what did not change', () => {
    const hosts = [host({ metadata: { a: 'b' } }), host({ ip: '10.0.0.2' })];
    const before = convert(hosts);
    assert.equal(convert(structuredClone(hosts).reverse(), orders, {}, before), before);
    const after = convert([hosts[0], host({ ip: '10.0.0.2', weight: 2 })], orders, {}, before);
    assert.notEqual(after, before);
    assert.equal(after.instances[0], before.instances[0]);
    assert.notEqual(after.instances[1], before.instances[1]);
    assert.equal(after.attributes, before.attributes);
  });

  it('knows the other names of protocols', () => {
    const protocolOf = (protocol: string) => convert([host({ metadata: { protocol } })], orders).ports[0]?.protocol;
    assert.deepEqual(['h2', 'h2c', 'grpc'].map(protocolOf), ['http2', 'http2', 'grpc']);
  });

  it('takes no word of JavaScript for a protocol', () => {
    for (const protocol of ['constructor', '__proto__', 'toString']) {
      for (const name of ['orders', 'providers:a:b:c']) {
        const service = convert([host({ metadata: { protocol } })], { ...orders, name });
        assert.deepEqual(serviceProblems(service), [], `${name}, ${protocol}`);
      }
    }
  });

  it('makes a sound service of anything', () => {
    const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.object({ maxDepth: 1 }));
    const field = (...usual: unknown[]) => fc.option(fc.oneof(fc.constantFrom(...usual), value), { nil: undefined });
    const anyHost = fc.record({
      ip: field('10.0.0.1', '::1', 'a.b', '224.0.0.1'),
      port: field(80, 0, 65536, 1.5),
      weight: field(1, 0.001, Number.POSITIVE_INFINITY),
      healthy: field(true),
      enabled: field(true),
      clusterName: field('DEFAULT', 'c\n1'),
      metadata: fc.oneof(
        value,
        fc.dictionary(
          fc.constantFrom('protocol', 'gRPC_port', 'dubbo.endpoints', 'region', 'secure', 'weight', '__proto__', ''),
          fc.oneof(fc.string(), fc.constantFrom('grpc', '80', 'true', '[{"port":1,"protocol":"rest"}]', 'constructor')),
        ),
      ),
    });
    const name = fc.oneof(fc.constantFrom('orders', 'providers:a:b:c', 'providers::'), fc.string({ minLength: 1 }));
    fc.assert(
      fc.property(fc.array(fc.oneof(anyHost, value), { maxLength: 8 }), name, (hosts, service) => {
        const key = { ...orders, name: service };
        const first = convert(hosts, key);
        assert.deepEqual(serviceProblems(first), []);
        assert.equal(convert(hosts, key, {}, first), first);
        assert.deepEqual(convert([...hosts], key), first);
      }),
      { numRuns: 500 },
    );
  });
});
