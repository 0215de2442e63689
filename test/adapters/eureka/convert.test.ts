import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { convertApplication } from '../../../adapters/eureka/applications.js';
import { buildService, isServiceName } from '../../../adapters/eureka/build-service.js';
import { convertInstance } from '../../../adapters/eureka/convert.js';
import { Sharing } from '../../../adapters/eureka/sharing.js';
import type { Instance } from '../../../core/plugin/index.js';
import { serviceProblems } from '../../../testkit/index.js';
import { instanceJson } from './listing.js';

const options = { address: 'ip', protocol: 'http', servicePort: 80, serviceName: 'app' } as const;

function record(
  change: Record<string, unknown> = {},
  more: Partial<typeof options> | { address: 'hostname' | 'auto' } = {},
) {
  return convertInstance('ORDERS', instanceJson('ORDERS', 'a', change), 0, { ...options, ...more }, new Sharing());
}

function convert(
  change: Record<string, unknown> = {},
  more: Partial<typeof options> | { address: 'hostname' | 'auto' } = {},
): Instance {
  const { outcome } = record(change, more);
  if (outcome.kind !== 'instance') throw new Error(`rejected: ${outcome.reason}`);
  return outcome.instance;
}

function reason(change: Record<string, unknown>): string {
  const { outcome } = record(change);
  return outcome.kind === 'rejected' ? outcome.reason : 'accepted';
}

describe('adapters/eureka convertInstance', () => {
  for (const [status, override, health] of [
    ['UP', 'UNKNOWN', 'healthy'],
    ['UP', '', 'healthy'],
    ['DOWN', 'UNKNOWN', 'unhealthy'],
    ['OUT_OF_SERVICE', 'UNKNOWN', 'unhealthy'],
    ['STARTING', 'UNKNOWN', 'unhealthy'],
    ['UNKNOWN', 'UNKNOWN', 'unhealthy'],
    ['nonsense', 'UNKNOWN', 'unhealthy'],
    ['UP', 'OUT_OF_SERVICE', 'unhealthy'],
    ['UP', 'DOWN', 'unhealthy'],
    ['OUT_OF_SERVICE', 'UP', 'healthy'],
    ['DOWN', 'UP', 'unhealthy'],
    ['STARTING', 'UP', 'unhealthy'],
  ] as const) {
    it(`takes status ${status} with override ${override || '(none)'} as ${health}`, () => {
      assert.equal(convert({ status, overriddenStatus: override }).health, health);
      assert.equal(convert({ status, overriddenStatus: undefined, overriddenstatus: override }).health, health);
      assert.equal(record({ status }).status, status);
    });
  }

  for (const [what, ports, expected] of [
    ['the plain port', { port: { $: 8080, '@enabled': 'true' } }, { http: 8080 }],
    ['flags as truth values', { port: { $: '8080', '@enabled': true } }, { http: 8080 }],
    ['a bare number', { port: 8080 }, { http: 8080 }],
    ['both', { port: p(8080, 'true'), securePort: p(8443, 'true') }, { http: 8080, https: 8443 }],
    ['the secure one alone', { port: p(8080, 'false'), securePort: p(8443, 'true') }, { https: 8443 }],
    ['a gRPC port in metadata', { metadata: { gRPC_port: '9091' } }, { http: 8080, grpc: 9091 }],
    ['a protocol in metadata', { metadata: { protocol: 'gRPC' } }, { grpc: 8080 }],
    ['an unknown protocol', { metadata: { protocol: 'carrier-pigeon' } }, { http: 8080 }],
  ] as const) {
    it(`reads ports: ${what}`, () => {
      assert.deepEqual(convert(ports).ports, expected);
    });
  }

  it('chooses the address, and falls back to the other one', () => {
    assert.equal(convert().address, '10.0.0.1');
    assert.equal(convert({}, { address: 'hostname' }).address, 'a.example.test');
    assert.equal(convert({ ipAddr: '' }).address, 'a.example.test');
    assert.equal(convert({ ipAddr: '2001:DB8::1' }).address, '2001:db8::1');
  });

  it('chooses by itself the address that can be called', () => {
    const auto = { address: 'auto' } as const;
    assert.equal(convert({}, auto).address, '10.0.0.1');
    assert.equal(convert({ ipAddr: '169.254.10.1' }, auto).address, 'a.example.test');
    assert.equal(convert({ ipAddr: '' }, auto).address, 'a.example.test');
    const neither = record({ ipAddr: '169.254.10.1', hostName: 'not a name' }, auto).outcome;
    assert.equal(neither.kind === 'rejected' && neither.reason, 'the address is link-local');
  });

  it('takes the id as Eureka does', () => {
    const amazon = { name: 'Amazon', metadata: { 'instance-id': 'i-1' } };
    assert.equal(record().id, 'a');
    assert.equal(record({ instanceId: undefined, dataCenterInfo: amazon }).id, 'i-1');
    assert.equal(record({ instanceId: undefined }).id, 'a.example.test');
  });

  it('reads locality from metadata and from Amazon', () => {
    const amazon = {
      name: 'Amazon',
      metadata: { 'availability-zone': 'us-east-1c', 'instance-id': 'i-1', 'public-ipv4': '192.0.2.1' },
    };
    assert.equal(convert().locality, undefined);
    assert.deepEqual(convert({ metadata: { zone: 'a/b', region: 'hz' } }).locality, {
      region: 'hz',
      zone: 'a-b',
      subzone: '',
    });
    const instance = convert({ dataCenterInfo: amazon });
    assert.deepEqual(instance.locality, { region: 'us-east-1', zone: 'us-east-1c', subzone: '' });
    assert.equal(instance.metadata['dataCenter'], 'Amazon');
    assert.equal(instance.metadata['amazon.instance-id'], 'i-1');
    assert.deepEqual(convert({ dataCenterInfo: amazon, metadata: { zone: 'z' } }).locality?.zone, 'z');
  });

  for (const [weight, expected] of [
    ['1', 100],
    ['7', 700],
    ['0.5', 50],
    ['0', 0],
    ['0.0001', 1],
    ['9999999', 1_000_000],
    ['-1', 100],
    ['1e999', 100],
    ['NaN', 100],
    ['', 100],
  ] as const) {
    it(`takes metadata weight "${weight}" as ${expected}`, () => {
      assert.equal(convert({ metadata: { weight } }).weight, expected);
    });
  }

  it('keeps metadata without credentials, type marks and what is no text', () => {
    const metadata = {
      '@class': 'java.util.Collections$EmptyMap',
      'user.password': 'x',
      'api-token': 'x',
      'management.url': 'http://me:x@10.0.0.1:8081/actuator',
      n: 1,
      o: {},
      __proto__x: 'y',
    };
    assert.deepEqual({ ...convert({ metadata }).metadata }, { n: '1', __proto__x: 'y' });
    const hostile = JSON.parse('{"__proto__":"a","constructor":"b"}') as unknown;
    assert.equal(convert({ metadata: hostile }).metadata['constructor'], 'b');
    assert.equal(({} as Record<string, unknown>)['a'], undefined);
    assert.equal(convert({ metadata: { lone: 'a\ud800b' } }).metadata['lone'], 'a\ufffdb');
  });

  for (const [what, change, expected] of [
    ['port 0', { port: p(0, 'true') }, /^port: /],
    ['port 65536', { port: p(65_536, 'true') }, /^port: /],
    ['port 080', { port: { $: '080', '@enabled': 'true' } }, /^port: /],
    ['no enabled port', { port: p(80, 'false') }, /no enabled port/],
    ['a link-local address', { ipAddr: '169.254.169.254' }, /link-local/],
    ['an address with a zone', { ipAddr: 'fe80::1%eth0' }, /zone id/],
    ['no address', { ipAddr: '', hostName: '' }, /empty/],
    ['too long an id', { instanceId: 'x'.repeat(513) }, /no id/],
  ] as const) {
    it(`rejects an instance with ${what}`, () => {
      assert.match(reason(change), expected);
    });
  }

  it('escapes and shortens what it tells of a rejected record', () => {
    const { outcome } = convertInstance(
      'A',
      instanceJson('A', `x\r\n\u001b[31m\u202e${'y'.repeat(300)}`, { port: 0 }),
      0,
      options,
      new Sharing(),
    );
    assert.ok(outcome.kind === 'rejected');
    assert.ok(outcome.record.length <= 200);
    assert.match(outcome.record, /^A\/x\\r\\n\\u001b\[31m\\u202ey+…$/);
  });
});

describe('adapters/eureka buildService', () => {
  const build = (...instances: unknown[]) => {
    const application = convertApplication({ name: 'ORDERS', instance: instances }, options, new Sharing());
    return buildService('ORDERS', application?.records ?? [], options, undefined);
  };

  it('gives the ports that its instances have, under stable numbers', () => {
    const service = build(
      instanceJson('ORDERS', 'a', { port: 8081, metadata: { gRPC_port: '7000' } }),
      instanceJson('ORDERS', 'b', { port: 8082, securePort: p(8443, 'true') }),
    );
    assert.deepEqual(
      service.ports.map(({ name, number }) => [name, number]),
      [
        ['http', 80],
        ['https', 443],
        ['grpc', 9090],
      ],
    );
  });

  it('falls back to the configured protocol where instances disagree', () => {
    const service = build(
      instanceJson('ORDERS', 'a'),
      instanceJson('ORDERS', 'b', { port: 8082, metadata: { protocol: 'grpc' } }),
    );
    assert.deepEqual(service.ports, [{ name: 'http', number: 80, protocol: 'http' }]);
    assert.deepEqual(
      service.instances.map(({ ports }) => ports),
      [{ http: 8080 }, { http: 8082 }],
    );
  });

  it('takes a single instance for a list of one', () => {
    const application = convertApplication({ name: 'A', instance: instanceJson('A', 'a') }, options, new Sharing());
    assert.equal(application?.records.length, 1);
  });

  it('keeps ports and names of before when no instance is left', () => {
    const before = build(instanceJson('ORDERS', 'a', { securePort: p(8443, 'true') }));
    const after = buildService('ORDERS', [], options, before);
    assert.deepEqual(
      { ...after, instances: before.instances, rejected: undefined },
      { ...before, rejected: undefined },
    );
    assert.deepEqual(after.instances, []);
  });

  it('bounds what it tells of rejected records', () => {
    const service = build(
      ...Array.from({ length: 250 }, (_, index) => instanceJson('ORDERS', `i${index}`, { port: 0 })),
    );
    assert.equal(service.rejected?.length, 101);
    assert.match(service.rejected?.at(-1)?.reason ?? '', /^150 more/);
  });

  it('refuses names that cannot be shown', () => {
    for (const name of ['', 'x'.repeat(256), 'a\r\nb', 'a\u0000']) assert.equal(isServiceName(name), false);
  });

  it('gives only sound services, whatever it is given', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('UP', '10.0.0.1', 'true', '__proto__', 'a.b'));
    const value = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.jsonValue());
    const key = fc.oneof(text, fc.constantFrom(...Object.keys(instanceJson('A', 'a'))));
    const port = fc.record({ $: fc.oneof(value, fc.integer({ min: 0, max: 70_000 })), '@enabled': value });
    const plausible = fc
      .record(
        { instanceId: text, ipAddr: text, hostName: text, port, securePort: port, metadata: fc.dictionary(key, value) },
        { requiredKeys: [] },
      )
      .map((change) => instanceJson('A', 'a', change));
    const instances = fc.array(fc.oneof(value, plausible, fc.dictionary(key, value)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.oneof(instances, value), text, (instance, name) => {
        const application = convertApplication({ name, instance }, options, new Sharing());
        if (!application || !isServiceName(name)) return;
        const distinct = new Map(application.records.map((one) => [one.id, one]));
        assert.deepEqual(serviceProblems(buildService(name, distinct.values(), options, undefined)), []);
      }),
      { numRuns: 2000 },
    );
  });
});

function p(number: number, enabled: string) {
  return { $: number, '@enabled': enabled };
}
