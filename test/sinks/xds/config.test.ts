import assert from 'node:assert/strict';
import type { z } from 'zod';
import { plugins } from '../../../cli/wire.js';
import { parseConfigText } from '../../../core/config/load-config.js';
import { xdsSchema } from '../../../sinks/xds/config.js';

const web = { name: 'web', listen: '0.0.0.0:8080', protocol: 'http' };
const gateway = (overrides: object) => ({ gateways: [{ name: 'edge', listeners: [web], ...overrides }] });

/** `path: message` of each problem. */
function problems(config: unknown): string[] {
  const { error } = xdsSchema.safeParse(config);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('the configuration of the xDS sink', () => {
  it('needs nothing, and serves gRPC clients on loopback then', () => {
    const config = xdsSchema.parse({});
    assert.deepEqual(config.listen, { host: '127.0.0.1', port: 15_020 });
    assert.deepEqual(config.gateways, []);
    assert.ok(config.grpc);
  });

  for (const [what, config, message] of [
    [
      'two gateways of one name',
      { gateways: [...gateway({}).gateways, ...gateway({}).gateways] },
      'gateways.1.name: another gateway has this name; give each its own',
    ],
    [
      'two listeners of one name',
      gateway({ listeners: [web, { ...web, listen: '0.0.0.0:8081' }] }),
      'gateways.0.listeners.1.name: another listener of the gateway has this name; give each its own',
    ],
    [
      'two listeners at one address',
      gateway({ listeners: [web, { ...web, name: 'other' }] }),
      'gateways.0.listeners.1.listen: another listener of the gateway listens there',
    ],
    [
      'a listener at a name',
      gateway({ listeners: [{ ...web, listen: 'localhost:8080' }] }),
      'gateways.0.listeners.0.listen: Envoy listens on IP addresses, as 0.0.0.0 or [::]',
    ],
    [
      'bytes of nobody',
      gateway({ listeners: [{ ...web, protocol: 'tcp' }] }),
      'gateways.0.listeners.0.service: missing; without tls nothing tells services apart: name the one whose port this is',
    ],
    [
      'a path without a slash',
      gateway({ rules: [{ hosts: ['*'], paths: ['orders'] }] }),
      'gateways.0.rules.0.paths.0: expected a path that begins with a slash, with no query and no fragment',
    ],
    [
      'a domain that is none',
      gateway({ domain: 'exa mple.com' }),
      'gateways.0.domain: expected a DNS name, as shop.example.com',
    ],
    [
      'a locality of four parts',
      gateway({ locality: 'a/b/c/d' }),
      'gateways.0.locality: expected REGION, REGION/ZONE or REGION/ZONE/SUBZONE',
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(problems(config), [message]);
    });
  }

  it('sends keys to nobody who shows no certificate, beyond loopback', () => {
    const certificates = [{ cert: '/a', key: '/b' }];
    const sent = gateway({ listeners: [{ ...web, tls: { certificates, from: 'isthmus' } }] });
    const own = { cert: '/c', key: '/d' };
    const message =
      'gateways.0.listeners.0.tls.from: keys would be sent to whoever connects: give tls.clientCa of the sink, or take from: gateway';
    assert.deepEqual(problems({ ...sent, listen: '0.0.0.0:15020', plaintext: true }), [message]);
    assert.deepEqual(problems({ ...sent, listen: '0.0.0.0:15020', tls: own }), [message]);
    assert.deepEqual(problems({ ...sent, listen: '0.0.0.0:15020', tls: { ...own, clientCa: '/e' } }), []);
    assert.deepEqual(problems(sent), []);
  });

  it('names the kinds of listener where one is unknown', () => {
    const load = (protocol: string) => {
      const sink = { kind: 'xds', ...gateway({ listeners: [{ ...web, protocol }] }) };
      const text = JSON.stringify({ site: 'a', sources: [{ name: 'a', kind: 'api' }], sinks: [sink] });
      return parseConfigText(text, 'x.json', plugins, { env: {} });
    };
    assert.throws(
      () => load('htpp'),
      /listeners\[0\]\.protocol: expected one of "http", "tls", "tcp", "dubbo", "thrift"; did you mean "http"\?/,
    );
    assert.equal(load('http').sinks.length, 1);
  });

  it('refuses keys of another kind of listener', () => {
    assert.equal(problems(gateway({ listeners: [{ ...web, transport: 'framed' }] })).length, 1);
    assert.equal(problems(gateway({ listeners: [{ ...web, protocol: 'tls', tls: {} }] })).length, 1);
  });

  it('takes names in any case', () => {
    const { gateways } = xdsSchema.parse(gateway({ domain: 'Example.COM' }) as z.input<typeof xdsSchema>);
    assert.equal(gateways[0]?.domain, 'example.com');
  });
});
