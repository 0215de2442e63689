import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DiscoveryRequest } from '../../../proto/gen/discovery.js';
import { decodeDiscoveryRequest, InvalidRequest, requestLimits } from '../../../sinks/grpc/discovery-request.js';
import { request } from '../support/ads-peer.js';

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
