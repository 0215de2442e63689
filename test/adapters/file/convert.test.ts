import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { convertDocument, DocumentError } from '../../../adapters/file/convert.js';
import { serviceProblems } from '../../../testkit/index.js';

const one = (instances: unknown[], more: object = {}) =>
  convertDocument({ services: [{ name: 'orders', instances, ...more }] });

describe('adapters/file convertDocument', () => {
  it('fills in the defaults', () => {
    const [service] = one([{ address: '10.0.0.1', port: 8080 }]);
    assert.deepEqual(service?.ports, [{ name: 'http', number: 80, protocol: 'http' }]);
    assert.equal(service?.attributes['name'], 'orders');
    const { metadata, ...instance } = service?.instances[0] ?? {};
    assert.deepEqual(instance, {
      id: '10.0.0.1:8080',
      address: '10.0.0.1',
      ports: { http: 8080 },
      health: 'unknown',
      weight: 100,
    });
    assert.deepEqual({ ...metadata }, {});
    assert.equal(service?.rejected, undefined);
  });

  it('takes everything that can be said', () => {
    const [service] = one(
      [
        {
          id: 'a',
          address: '[2001:DB8::1]',
          ports: { http: 8080, grpc: 9090 },
          weight: 0,
          health: 'draining',
          locality: { region: 'hz', zone: 'a' },
          network: 'n1',
          metadata: { version: '1.10' },
        },
      ],
      {
        ports: [
          { name: 'http', number: 80, protocol: 'http2' },
          { name: 'grpc', number: 9090, protocol: 'grpc' },
        ],
        metadata: { team: 'x' },
      },
    );
    const { metadata, ...instance } = service?.instances[0] ?? {};
    assert.deepEqual(instance, {
      id: 'a',
      address: '2001:db8::1',
      ports: { http: 8080, grpc: 9090 },
      health: 'draining',
      weight: 0,
      locality: { region: 'hz', zone: 'a', subzone: '' },
      network: 'n1',
    });
    assert.equal(metadata?.['version'], '1.10');
    assert.equal(service?.metadata['team'], 'x');
  });

  for (const [what, bad, reason] of [
    ['an unknown key', { address: '10.0.0.2', port: 1, wieght: 1 }, /wieght/],
    ['no port', { address: '10.0.0.2' }, /one of port and ports/],
    ['port 0', { address: '10.0.0.2', port: 0 }, /port: /],
    ['a port as text', { address: '10.0.0.2', port: '080' }, /port: /],
    ['an unknown port name', { address: '10.0.0.2', ports: { admin: 1 } }, /no port admin/],
    ['a link-local address', { address: '169.254.169.254', port: 1 }, /link-local/],
    [
      'a number as metadata',
      { address: '10.0.0.2', port: 1, metadata: { version: 1.1 } },
      /metadata\.version: .*quotes/,
    ],
    ['an id that is taken', { id: 'good', address: '10.0.0.2', port: 1 }, /this id/],
    ['nothing but text', 'x\r\ny', /expected object/],
  ] as const) {
    it(`leaves out an instance with ${what}, alone and with the reason`, () => {
      const [service] = one([{ id: 'good', address: '10.0.0.1', port: 8080 }, bad]);
      assert.deepEqual(
        service?.instances.map(({ id }) => id),
        ['good'],
      );
      assert.equal(service?.rejected?.length, 1);
      assert.match(service?.rejected?.[0]?.reason ?? '', reason);
      assert.match(service?.rejected?.[0]?.record ?? '', /^instances\[1\]/);
    });
  }

  for (const [what, document, message] of [
    ['nothing', null, /expected object/],
    ['an unknown key', { services: [], sevices: [] }, /sevices/],
    ['no list', {}, /services: /],
    ['a service without a name', { services: [{}] }, /services\[0\]\.name: /],
    ['a service twice', { services: [{ name: 'a' }, { name: 'a' }] }, /services\[1\]: another service/],
    [
      'two ports of one number',
      { services: [{ name: 'a', ports: [p('a', 80), p('b', 80)] }] },
      /services\[0\]\.ports: two/,
    ],
  ] as const) {
    it(`refuses a document with ${what} as a whole`, () => {
      assert.throws(
        () => convertDocument(document),
        (error: Error) => {
          assert.ok(error instanceof DocumentError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('takes keys of Object.prototype for keys like any other', () => {
    const document = JSON.parse(
      '{"services":[{"name":"constructor","instances":[{"id":"__proto__","address":"10.0.0.1","port":1,"metadata":{"constructor":"x"}}]}]}',
    ) as unknown;
    const [service] = convertDocument(document);
    assert.equal(service?.instances[0]?.id, '__proto__');
    assert.equal(service?.instances[0]?.metadata['constructor'], 'x');
  });

  it('gives only sound services, or a DocumentError, whatever it is given', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('http', '10.0.0.1', '::1', 'a.b', '__proto__'),
    );
    const value = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.jsonValue());
    const key = fc.constantFrom(
      'id',
      'address',
      'port',
      'ports',
      'weight',
      'health',
      'locality',
      'metadata',
      'network',
    );
    const plausible = fc.record(
      { address: text, port: fc.integer({ min: -1, max: 70_000 }), id: text, metadata: fc.dictionary(text, text) },
      { requiredKeys: ['address', 'port'] },
    );
    const instance = fc.oneof(value, plausible, fc.dictionary(key, value));
    const service = fc.oneof(value, fc.record({ name: text, instances: fc.array(instance, { maxLength: 5 }) }));
    const document = fc.oneof(value, fc.record({ services: fc.array(service, { maxLength: 3 }) }));
    fc.assert(
      fc.property(document, (input) => {
        try {
          assert.deepEqual(convertDocument(input).flatMap(serviceProblems), []);
        } catch (error) {
          assert.ok(error instanceof DocumentError, String(error));
          assert.ok(error.message.length <= 200);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function p(name: string, number: number) {
  return { name, number };
}
