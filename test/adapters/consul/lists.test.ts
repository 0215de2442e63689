import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ConsulError } from '../../../adapters/consul/consul-error.js';
import { decodeChecks, decodeNodes, decodeServices, differentKeys } from '../../../adapters/consul/lists.js';

describe('adapters/consul: lists', () => {
  it('reads names with their tags, sorted, and leaves out what cannot be a name', () => {
    const services = decodeServices({ web: ['b', 'a', 7], db: null, '': [], 'a\nb': [], [`${'x'.repeat(256)}`]: [] });
    assert.deepEqual(
      [...services],
      [
        ['web', ['a', 'b']],
        ['db', []],
      ],
    );
    assert.deepEqual(
      [...decodeServices(JSON.parse('{"__proto__":["x"],"constructor":[]}')).keys()],
      ['__proto__', 'constructor'],
    );
  });

  it('reads nodes and failing checks', () => {
    assert.deepEqual(
      [...decodeNodes([{ Node: 'a', ModifyIndex: 7 }, { Node: 'b' }, 'x', {}])],
      [
        ['a', 7],
        ['b', 0],
      ],
    );
    const checks = decodeChecks([
      { Node: 'a', CheckID: 'serfHealth', ServiceName: '' },
      { Node: 'a', CheckID: 'service:w', ServiceName: 'web' },
      { Node: 'b', CheckID: 'service:w', ServiceName: 'web' },
      null,
    ]);
    assert.deepEqual(
      [...checks.values()],
      [
        { node: 'a', service: '' },
        { node: 'a', service: 'web' },
        { node: 'b', service: 'web' },
      ],
    );
    assert.equal(decodeChecks(null).size, 0);
  });

  it('finds keys that came, went or changed', () => {
    const before = new Map(Object.entries({ same: 1, other: 2, gone: 3 }));
    const after = new Map(Object.entries({ same: 1, other: 9, new: 4 }));
    assert.deepEqual(
      differentKeys(before, after, (a, b) => a === b),
      ['other', 'new', 'gone'],
    );
  });

  it('fails by no other error than its own, whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything(), (body) => {
        for (const decode of [decodeServices, decodeNodes, decodeChecks]) {
          try {
            decode(body);
          } catch (error) {
            assert.ok(error instanceof ConsulError && error.failure === 'malformed');
          }
        }
      }),
    );
  });
});
