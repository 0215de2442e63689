import assert from 'node:assert/strict';
import fc from 'fast-check';
import { kubernetesSchema } from '../../../adapters/kubernetes/config.js';
import { convertService } from '../../../adapters/kubernetes/convert.js';
import { decodeService, decodeSlice } from '../../../adapters/kubernetes/records.js';
import type { Service } from '../../../core/model/index.js';
import { assertService } from '../../../testkit/index.js';
import { aService, aSlice, type Endpoint } from './objects.js';

function convert(service: unknown, slices: readonly unknown[] = [], config: object = {}, before?: Service): Service {
  const record = decodeService(service);
  assert.ok(record);
  const records = slices.map(decodeSlice).filter((slice) => slice !== undefined);
  const converted = convertService(record, records, kubernetesSchema.parse(config), before);
  assertService(converted);
  return converted;
}

const pod = (address: string, more: Partial<Endpoint> = {}): Endpoint => ({ addresses: [address], ...more });

describe('adapters/kubernetes: conversion', () => {
  it('makes a service of a Service and its slices', () => {
    const service = aService(
      'orders',
      { ports: [{ name: 'grpc-api', port: 90 }] },
      { labels: { team: 'a', token: 'x' } },
    );
    const endpoint = pod('10.0.0.1', {
      ...{ zone: 'eu-1a', nodeName: 'node-1', targetRef: { kind: 'Pod', name: 'orders-xyz' } },
    });
    const slice = aSlice('orders', [endpoint], { ports: [{ name: 'grpc-api', port: 9090 }] });
    assert.deepEqual(JSON.parse(JSON.stringify(convert(service, [slice], { region: 'eu-1' }))), {
      name: 'shop/orders',
      attributes: { name: 'orders', namespace: 'shop' },
      ports: [{ name: 'grpc-api', number: 90, protocol: 'grpc' }],
      instances: [
        {
          id: '10.0.0.1:9090',
          address: '10.0.0.1',
          ports: { 'grpc-api': 9090 },
          health: 'healthy',
          weight: 100,
          locality: { region: 'eu-1', zone: 'eu-1a', subzone: '' },
          metadata: { 'kubernetes.pod': 'orders-xyz', 'kubernetes.node': 'node-1' },
        },
      ],
      // A label whose name says that it is a credential goes no further.
      metadata: { team: 'a' },
    });
  });

  const conditions: [Endpoint['conditions'], string][] = [
    [undefined, 'healthy'],
    [{}, 'healthy'],
    [{ ready: true, serving: true, terminating: false }, 'healthy'],
    [{ ready: false, serving: false, terminating: false }, 'unhealthy'],
    [{ ready: false, serving: true, terminating: true }, 'draining'],
    [{ ready: false, serving: false, terminating: true }, 'unhealthy'],
    [{ ready: true, terminating: true }, 'draining'],
  ];
  for (const [given, health] of conditions) {
    it(`takes the conditions ${JSON.stringify(given)} for ${health}`, () => {
      const endpoint = pod('10.0.0.1', given ? { conditions: given } : {});
      assert.equal(convert(aService('a'), [aSlice('a', [endpoint])]).instances[0]?.health, health);
    });
  }

  const protocols: [port: object, protocol: string | undefined][] = [
    [{ name: 'x' }, 'tcp'],
    [{ name: 'http' }, 'http'],
    [{ name: 'http2-x' }, 'http2'],
    [{ name: 'grpc-web-x' }, 'grpc-web'],
    [{ name: 'https-x' }, 'https'],
    [{ name: 'httpish' }, 'tcp'],
    [{ name: 'udp-x' }, 'tcp'],
    [{ name: 'http', appProtocol: 'kubernetes.io/h2c' }, 'http2'],
    [{ name: 'x', appProtocol: 'kubernetes.io/wss' }, 'https'],
    [{ name: 'x', appProtocol: 'DUBBO' }, 'dubbo'],
    [{ name: 'mysql-x', appProtocol: 'example.com/own' }, 'mysql'],
    [{ name: 'http', protocol: 'UDP' }, 'udp'],
    [{ name: 'x', protocol: 'SCTP' }, undefined],
    [{ name: 'x', appProtocol: 'constructor' }, 'tcp'],
  ];
  for (const [port, protocol] of protocols) {
    it(`takes the port ${JSON.stringify(port)} for ${protocol ?? 'none'}`, () => {
      const service = convert(aService('a', { ports: [{ port: 80, ...port }] }));
      assert.equal(service.ports[0]?.protocol, protocol);
      assert.equal(service.rejected?.length ?? 0, protocol === undefined ? 1 : 0);
    });
  }

  it('names an unnamed port by its protocol', () => {
    const slice = aSlice('a', [pod('10.0.0.1')], { ports: [{ port: 8080 }] });
    const service = convert(aService('a', { ports: [{ port: 80, appProtocol: 'grpc' }] }), [slice]);
    assert.deepEqual(service.ports, [{ name: 'grpc', number: 80, protocol: 'grpc' }]);
    assert.deepEqual(service.instances[0]?.ports, { grpc: 8080 });
  });

  it('keeps one of two ports with one number, and says so', () => {
    const ports = [
      { name: 'dns-tcp', port: 53 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    const service = convert(aService('a', { ports }));
    assert.deepEqual(
      service.ports.map(({ name }) => name),
      ['dns-tcp'],
    );
    assert.match(service.rejected?.[0]?.record ?? '', /port dns 53\/UDP/);
  });

  it('merges slices: other ports, other pods, and a pod that stands in two while it moves', () => {
    const gone = pod('10.0.0.1', { conditions: { ready: false } });
    const slices = [
      aSlice('a', [gone, pod('10.0.0.2')]),
      aSlice('a', [pod('10.0.0.1')], { name: 'a-2' }),
      aSlice('a', [pod('10.0.0.3')], { name: 'a-3', ports: [{ name: 'http', port: 9999 }] }),
    ];
    for (const order of [slices, [...slices].reverse()]) {
      const { instances } = convert(aService('a'), order);
      assert.deepEqual(
        instances.map(({ id, health }) => [id, health]),
        [
          ['10.0.0.1:8080', 'healthy'],
          ['10.0.0.2:8080', 'healthy'],
          ['10.0.0.3:9999', 'healthy'],
        ],
      );
    }
  });

  it('takes one family of a dual-stack service: the first, or the one that is asked for', () => {
    const slices = [
      aSlice('a', [pod('10.0.0.1')]),
      aSlice('a', [pod('fd00::1')], { name: 'a-6', addressType: 'IPv6' }),
    ];
    const service = aService('a', { ipFamilies: ['IPv6', 'IPv4'] });
    const ids = (...args: Parameters<typeof convert>) => convert(...args).instances.map(({ id }) => id);
    assert.deepEqual(ids(service, slices), ['[fd00::1]:8080']);
    assert.deepEqual(ids(service, slices, { ipFamily: 'IPv4' }), ['10.0.0.1:8080']);
    assert.deepEqual(ids(aService('a'), slices.slice(0, 1), { ipFamily: 'IPv6' }), ['10.0.0.1:8080']);
    assert.deepEqual(ids(aService('a', { ipFamilies: undefined }), slices.slice(1)), ['[fd00::1]:8080']);
  });

  it('has headless services and such with no slice as any other', () => {
    const slice = aSlice('a', [pod('10.0.0.1')]);
    assert.equal(convert(aService('a', { clusterIP: 'None' }), [slice]).instances.length, 1);
    assert.deepEqual(convert(aService('a')).instances, []);
  });

  it('makes an ExternalName an instance with a name, if it has ports', () => {
    const spec = { type: 'ExternalName', externalName: 'DB.example.com.', ports: [{ name: 'mysql', port: 3306 }] };
    const [instance] = convert(aService('db', spec)).instances;
    assert.deepEqual(
      [instance?.address, instance?.ports, instance?.health],
      ['db.example.com', { mysql: 3306 }, 'unknown'],
    );
    const none = convert(aService('db', { ...spec, ports: undefined }));
    assert.deepEqual(none.instances, []);
    assert.match(none.rejected?.[0]?.reason ?? '', /no ports/);
  });

  it('leaves out a bad endpoint alone', () => {
    const service = convert(aService('a'), [
      aSlice(
        'a',
        ['169.254.1.1', '', 'x y', '10.0.0.1'].map((address) => pod(address)),
      ),
    ]);
    assert.deepEqual(
      service.instances.map(({ id }) => id),
      ['10.0.0.1:8080'],
    );
    assert.equal(service.rejected?.length, 3);
  });

  it('is named by an annotation, if that is a DNS name', () => {
    const named = (name: string) => convert(aService('a', {}, { annotations: { 'isthmus.io/name': name } }));
    assert.equal(named('orders.v2').attributes['name'], 'orders.v2');
    for (const bad of ['Orders', 'a..b', '-a', 'x'.repeat(300), '']) {
      assert.equal(named(bad).attributes['name'], 'a');
      assert.equal(named(bad).rejected?.length, 1);
    }
  });

  it('gives the same object for an instance that did not change', () => {
    const slice = aSlice('a', [pod('10.0.0.1'), pod('10.0.0.2')]);
    const before = convert(aService('a'), [slice]);
    const moved = aSlice('a', [pod('10.0.0.1', { zone: 'z' }), pod('10.0.0.2')]);
    const { instances } = convert(aService('a'), [moved], {}, before);
    assert.notEqual(instances[0], before.instances[0]);
    assert.equal(instances[1], before.instances[1]);
  });

  it('does not read what Isthmus itself wrote', () => {
    assert.equal(decodeService(aService('a', {}, { labels: { 'isthmus.io/site': 'hz-1' } })), undefined);
    const slice = aSlice('a', []);
    Object.assign(slice.metadata.labels, { 'app.kubernetes.io/managed-by': 'isthmus' });
    assert.equal(decodeSlice(slice), undefined);
  });

  it('takes any JSON for an object and makes a sound service of what passes', () => {
    const anything = fc.jsonValue({ maxDepth: 4 });
    const bent = <T extends object>(object: T) =>
      fc
        .tuple(fc.constantFrom(...Object.keys(object), 'metadata', 'spec', 'ports', 'endpoints'), anything)
        .map(([key, value]) => ({ ...object, [key]: value }));
    const endpoints = fc.array(
      fc.record({
        addresses: fc.array(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6())),
        conditions: anything,
        zone: anything,
        targetRef: anything,
      }),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          bent(aService('a')),
          bent(aService('a').spec).map((spec) => aService('a', spec)),
        ),
        fc.array(
          fc.oneof(
            anything,
            bent(aSlice('a', [])),
            endpoints.map((list) => aSlice('a', list as unknown as Endpoint[])),
          ),
        ),
        (service, slices) => {
          const record = decodeService(service);
          const records = slices.map(decodeSlice).filter((slice) => slice !== undefined);
          if (record) assertService(convertService(record, records, kubernetesSchema.parse({}), undefined));
        },
      ),
      { numRuns: 500 },
    );
  });
});
