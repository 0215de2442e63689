import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { decodeGone, encodeGone, type GoneInstance } from '../../../adapters/eureka/tombstone-records.js';

const time = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const instance: fc.Arbitrary<GoneInstance> = fc.record(
  {
    application: fc.string({ unit: 'binary' }),
    id: fc.string({ unit: 'binary' }),
    dirtyMs: time,
    endedMs: time,
    toldMs: time,
  },
  { noNullPrototype: true },
);

describe('what a Eureka source keeps on disk of what was told gone', () => {
  it('is read as it was written, however much it is', () => {
    fc.assert(
      fc.property(fc.array(instance, { maxLength: 1000, size: 'max' }), (gone) => {
        assert.deepEqual(decodeGone([...encodeGone(gone)]), gone);
      }),
      { numRuns: 20 },
    );
  });

  it('is taken row by row, and what is none is left out', () => {
    const good = ['A', 'a', 1, 2, 3];
    const bad = [[], ['A'], ['A', 1, 1, 2, 3], ['A', 'a', -1, 2, 3], ['A', 'a', 1, null, 3], 'A', null, 7];
    const gone = decodeGone([JSON.stringify([...bad, good]), '', '{}', '[1e999]', 'null']);
    assert.deepEqual(gone, [{ application: 'A', id: 'a', dirtyMs: 1, endedMs: 2, toldMs: 3 }]);
  });

  it('may be anything', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.json())), (texts) => {
        for (const { application, id, dirtyMs } of decodeGone(texts)) {
          assert.equal(typeof application + typeof id, 'stringstring');
          assert.ok(dirtyMs >= 0);
        }
      }),
    );
  });
});
