import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { nameChanges } from '../../../adapters/nacos/fuzzy-watch.js';
import { NacosError } from '../../../adapters/nacos/nacos-error.js';
import { decodeMessage, encodeMessage, maxMessageBytes } from '../../../adapters/nacos/payload.js';
import { bareName, formatServiceKey, parseServiceKey } from '../../../adapters/nacos/service-key.js';
import { printable } from '../../../core/model/printable.js';

describe('adapters/nacos payload', () => {
  it('reads back what it writes', () => {
    const message = { type: 'ServiceListRequest', body: { namespace: 'public', count: 1, names: ['ä'] } };
    assert.deepEqual(decodeMessage(encodeMessage(message, { accessToken: 't' })), message);
  });

  it('takes the bytes that Nacos sends', () => {
    // Metadata { type: "A" }, body of type URL "" and value "{}": by hand, after the .proto.
    const bytes = Buffer.from([0x12, 3, 0x1a, 1, 0x41, 0x1a, 4, 0x12, 2, 0x7b, 0x7d]);
    assert.deepEqual(decodeMessage(bytes), { type: 'A', body: {} });
  });

  it('refuses what is no message, and throws nothing else', () => {
    for (const bytes of [Buffer.from([0xff]), encodeMessage({ type: 'A', body: [] as never })]) {
      assert.throws(() => decodeMessage(bytes), NacosError);
    }
    assert.throws(() => decodeMessage(Buffer.alloc(maxMessageBytes + 1)), /too large/);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeMessage(bytes);
        } catch (error) {
          assert.ok(error instanceof NacosError);
        }
      }),
    );
  });

  it('reads the names that a fuzzy watch pushes, and nothing from anything else', () => {
    const contexts = [
      { serviceKey: 'public@@G@@a', changedType: 'ADD_SERVICE' },
      { serviceKey: '@@G@@b', changedType: 'DELETE_SERVICE' },
      { serviceKey: 'no key', changedType: 'ADD_SERVICE' },
      null,
    ];
    assert.deepEqual(nameChanges({ type: 'NamingFuzzyWatchSyncRequest', body: { contexts } }), [
      { kind: 'added', key: { namespace: 'public', group: 'G', name: 'a' } },
      { kind: 'gone', key: { namespace: 'public', group: 'G', name: 'b' } },
    ]);
    assert.deepEqual(nameChanges({ type: 'NamingFuzzyWatchSyncRequest', body: {} }), []);
    assert.deepEqual(nameChanges({ type: 'Other', body: { contexts } }), []);
  });

  it('reads back the key of a service', () => {
    const key = { namespace: 'gray', group: 'G', name: 'providers:a:1:' };
    assert.deepEqual(parseServiceKey(formatServiceKey(key)), key);
    assert.equal(parseServiceKey('a@@b@@c@@d'), undefined);
    assert.equal(bareName('G', 'G@@orders'), 'orders');
    assert.equal(bareName('G', 'orders'), 'orders');
  });

  it('shows text of the registry on one line with nothing hidden', () => {
    assert.equal(printable('a\r\n\u001b[31m\u202eb'), 'a\\r\\n\\u001b[31m\\u202eb');
    assert.equal(printable('x'.repeat(1000)).length, 200);
    assert.equal(printable(undefined), '');
  });
});
