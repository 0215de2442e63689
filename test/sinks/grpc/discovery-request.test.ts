import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DeltaDiscoveryRequest, DiscoveryRequest } from '../../../proto/gen/discovery.js';
import {
  decodeDeltaDiscoveryRequest,
  decodeDiscoveryRequest,
  InvalidRequest,
  requestLimits,
} from '../../../sinks/grpc/discovery-request.js';
import { request } from '../support/ads-peer.js';
import { MockClient, set, xdsBench } from '../support/xds-mock.js';

describe('decoding a DiscoveryRequest', () => {
  it('gives what was encoded', () => {
    const text = fc.string({ maxLength: 100 });
    const some = fc.record({ versionInfo: text, responseNonce: text, resourceNames: fc.array(text) });
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 100 }), some, (typeUrl, fields) => {
        assert.deepEqual(
          decodeDiscoveryRequest(request(typeUrl, fields)),
          DiscoveryRequest.fromPartial({ typeUrl, ...fields }),
        );
      }),
    );
  });

  it('throws nothing but InvalidRequest, whatever the bytes', () => {
    const valid = fc
      .string({ minLength: 1 })
      .map((typeUrl) => new Uint8Array(request(typeUrl, { resourceNames: ['a'] })));
    const cut = fc.tuple(valid, fc.nat(60)).map(([bytes, length]) => bytes.subarray(0, length));
    const flipped = fc.tuple(valid, fc.nat(20), fc.nat(255)).map(([bytes, at, value]) => {
      const copy = new Uint8Array(bytes);
      if (at < copy.length) copy[at] = value;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), cut, flipped), (bytes) => {
        try {
          assert.notEqual(decodeDiscoveryRequest(bytes).typeUrl, '');
        } catch (error) {
          assert.ok(error instanceof InvalidRequest, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is not taken down by groups in groups', () => {
    const nested = Buffer.alloc(1024 * 1024, (10 << 3) | 3);
    assert.throws(() => decodeDiscoveryRequest(nested), InvalidRequest);
  });

  it('refuses what is over the bounds', () => {
    const over: [string, Buffer][] = [
      ['type_url', request('x'.repeat(requestLimits.typeUrl + 1))],
      ['response_nonce', request('t', { responseNonce: 'x'.repeat(requestLimits.nonce + 1) })],
      ['version_info', request('t', { versionInfo: 'x'.repeat(requestLimits.versionInfo + 1) })],
      ['resource_names', request('t', { resourceNames: Array(requestLimits.resourceNames + 1).fill('') })],
      [
        'node.id',
        request('t', {
          node: { id: 'x'.repeat(requestLimits.nodeId + 1), cluster: '', locality: undefined, userAgentName: '' },
        }),
      ],
    ];
    for (const [field, bytes] of over) {
      assert.throws(() => decodeDiscoveryRequest(bytes), {
        name: 'InvalidRequest',
        message: `${field} is over the bound`,
      });
    }
    assert.throws(() => decodeDiscoveryRequest(request('')), /no type_url/);
  });
});

function deltaRequest(fields: Partial<DeltaDiscoveryRequest> = {}): Buffer {
  return Buffer.from(
    DeltaDiscoveryRequest.encode(DeltaDiscoveryRequest.fromPartial({ typeUrl: 't', ...fields })).finish(),
  );
}

/** Bytes of all kinds: random, valid, cut off, with one byte changed. */
function anyBytes(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const cut = fc.tuple(valid, fc.nat(80)).map(([bytes, length]) => bytes.subarray(0, length));
  const flipped = fc.tuple(valid, fc.nat(80), fc.nat(255)).map(([bytes, at, value]) => {
    const copy = new Uint8Array(bytes);
    if (at < copy.length) copy[at] = value;
    return copy;
  });
  return fc.oneof(fc.uint8Array({ maxLength: 200 }), valid, cut, flipped);
}

const name = fc.constantFrom('*', 'a', 'b', '__proto__', '');
const someDelta = fc
  .record({
    typeUrl: fc.constantFrom('t', 'u', '__proto__'),
    resourceNamesSubscribe: fc.array(name, { maxLength: 3 }),
    resourceNamesUnsubscribe: fc.array(name, { maxLength: 3 }),
    initialResourceVersions: fc.array(fc.record({ name, version: fc.constantFrom('', 'v1') }), { maxLength: 3 }),
    responseNonce: fc.constantFrom('', '1', '1.1'),
  })
  .map((fields) => new Uint8Array(deltaRequest(fields)));
const someSotw = fc
  .record({
    typeUrl: fc.constantFrom('t', 'u'),
    resourceNames: fc.array(name),
    responseNonce: fc.constantFrom('', '1'),
  })
  .map(({ typeUrl, ...fields }) => new Uint8Array(request(typeUrl, fields)));

describe('decoding a DeltaDiscoveryRequest', () => {
  it('gives what was encoded, a map of any names among it', () => {
    const text = fc.string({ maxLength: 100 });
    const some = fc.record({
      typeUrl: fc.string({ minLength: 1, maxLength: 100 }),
      responseNonce: text,
      resourceNamesSubscribe: fc.array(text),
      resourceNamesUnsubscribe: fc.array(text),
      initialResourceVersions: fc.array(fc.record({ name: fc.oneof(text, fc.constant('__proto__')), version: text })),
    });
    fc.assert(
      fc.property(some, (fields) => {
        assert.deepEqual(decodeDeltaDiscoveryRequest(deltaRequest(fields)), DeltaDiscoveryRequest.fromPartial(fields));
      }),
    );
  });

  it('throws nothing but InvalidRequest, whatever the bytes', () => {
    fc.assert(
      fc.property(anyBytes(someDelta), (bytes) => {
        try {
          assert.notEqual(decodeDeltaDiscoveryRequest(bytes).typeUrl, '');
        } catch (error) {
          assert.ok(error instanceof InvalidRequest, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses what is over the bounds', () => {
    const long = 'x'.repeat(requestLimits.resourceName + 1);
    const many = Array(requestLimits.resourceNames + 1).fill('');
    const over: [string, Buffer][] = [
      ['resource_names_subscribe', deltaRequest({ resourceNamesSubscribe: [long] })],
      ['resource_names_subscribe', deltaRequest({ resourceNamesSubscribe: many })],
      ['resource_names_unsubscribe', deltaRequest({ resourceNamesUnsubscribe: many })],
      ['initial_resource_versions', deltaRequest({ initialResourceVersions: [{ name: long, version: '' }] })],
      ['initial_resource_versions', deltaRequest({ initialResourceVersions: [{ name: '', version: long }] })],
      ['response_nonce', deltaRequest({ responseNonce: long })],
      ['resource_names', request('t', { resourceNames: [long] })],
    ];
    for (const [field, bytes] of over) {
      const decode = field === 'resource_names' ? decodeDiscoveryRequest : decodeDeltaDiscoveryRequest;
      assert.throws(() => decode(bytes), { name: 'InvalidRequest', message: `${field} is over the bound` });
    }
  });
});

describe('an xDS stream that is sent anything', () => {
  for (const form of ['delta', 'sotw'] as const) {
    it(`never throws, ends at most once, and leaves nothing behind (${form})`, () => {
      const some = anyBytes(form === 'delta' ? someDelta : someSotw);
      fc.assert(
        fc.property(fc.array(some, { maxLength: 12 }), (list) => {
          const bench = xdsBench();
          bench.cache.apply([set('t', 'a'), set('t', 'b', 'v1', 'none')]);
          const client = new MockClient(bench, form);
          for (const bytes of list) client.stream.receive(bytes);
          assert.ok(client.ends.length <= 1);
          client.stream.close();
          assert.equal(bench.clock.sleepers, 0);
          assert.equal(bench.cache.type('u').entry('a'), undefined);
          bench.cache.apply([set('t', 'a', 'v2')]);
        }),
        { numRuns: 1000 },
      );
    });
  }
});
