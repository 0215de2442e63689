import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  chainOf,
  encodeCommit,
  encodeLogHeader,
  type LogEnd,
  recordHead,
  scanLog,
  startOfLog,
} from '../../../core/store/log-format.js';

const kind = 'test-1';

/** A log of these batches, as a writer makes it. */
function logOf(batches: readonly (readonly string[])[]): Buffer {
  const header = encodeLogHeader(kind);
  const parts = [header];
  let { chain } = startOfLog(header);
  batches.forEach((records, index) => {
    for (const text of records) {
      const payload = Buffer.from(text);
      const head = recordHead(payload, chain);
      chain = chainOf(head);
      parts.push(head, payload);
    }
    parts.push(encodeCommit(chain, index + 1));
  });
  return Buffer.concat(parts);
}

/** Whole batches, and how it ended. */
function read(bytes: Buffer): { batches: string[][]; end: LogEnd } {
  const batches: string[][] = [];
  let batch: string[] = [];
  const scan = scanLog(bytes, kind);
  for (let step = scan.next(); ; step = scan.next()) {
    if (step.done) return { batches, end: step.value };
    if (step.value.kind === 'record') batch.push(step.value.payload.toString());
    else {
      batches.push(batch);
      batch = [];
    }
  }
}

function assertPrefix(batches: readonly (readonly string[])[], of: readonly (readonly string[])[]): void {
  assert.deepEqual(batches, of.slice(0, batches.length));
}

const sample = [['one', 'two'], ['three'], ['four', 'five', 'six']];
const anyBatches = fc.array(fc.array(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 5 }), {
  maxLength: 6,
});

describe('the format of logs', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(anyBatches, (batches) => {
        const { batches: got, end } = read(logOf(batches));
        assert.deepEqual(got, batches);
        assert.equal(end.kind, 'whole');
      }),
    );
  });

  it('gives whole batches alone when it is cut off, wherever that is', () => {
    const bytes = logOf(sample);
    const seen = new Set<number>();
    for (let length = 0; length < bytes.length; length++) {
      const { batches, end } = read(bytes.subarray(0, length));
      assertPrefix(batches, sample);
      seen.add(batches.length);
      const isHeader = length < encodeLogHeader(kind).length;
      if (isHeader) assert.equal(end.kind, 'foreign');
      else assert.ok(end.kind === 'torn' || (end.kind === 'whole' && end.position.bytes === length), `at ${length}`);
    }
    assert.deepEqual([...seen], [0, 1, 2]);
  });

  it('never gives what was not written, whichever bit is turned over', () => {
    const bytes = logOf(sample);
    const lastCommit = bytes.length - 16;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { batches, end } = read(flipped);
      assertPrefix(batches, sample);
      assert.ok(batches.length < sample.length, `bit ${bit}`);
      // What was on disk and is not as it was is told from a write that was cut off.
      if (bit >> 3 < lastCommit) assert.match(end.kind, /^(damaged|foreign)$/, `bit ${bit}`);
    }
  });

  it('does not take bytes of an older file after a cut for its own', () => {
    const old = logOf([['a', 'b'], ['c'], ['d']]);
    const recent = logOf([['x', 'b'], ['c']]);
    const mixed = Buffer.concat([recent, old.subarray(recent.length)]);
    assert.deepEqual(read(mixed).batches, [['x', 'b'], ['c']]);
    const { end } = read(Buffer.concat([recent, Buffer.alloc(4096)]));
    assert.deepEqual(end.kind === 'torn' && end.lostBytes, 4096);
  });

  it('tells a log of another kind or version, and what is no log', () => {
    for (const [text, reason] of [
      ['', 'it is no log of Isthmus'],
      ['hello\n', 'it is no log of Isthmus'],
      ['isthmus-log 2 test-1\n', 'it is of another version of Isthmus'],
      ['isthmus-log 1 other-1\n', 'it is not of the kind test-1 but of another'],
    ] as const) {
      assert.deepEqual(read(Buffer.from(text)), { batches: [], end: { kind: 'foreign', reason } });
    }
  });

  it('survives whatever bytes there are', () => {
    const header = encodeLogHeader(kind);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (noise, withHeader) => {
        const { batches } = read(Buffer.concat([withHeader ? header : Buffer.alloc(0), noise]));
        assert.deepEqual(batches, []);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(anyBatches, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 30 }), (batches, at, noise) => {
        const bytes = logOf(batches);
        const start = at % bytes.length;
        const end = Math.min(bytes.length, start + noise.length);
        Buffer.from(noise).copy(bytes, start, 0, end - start);
        assertPrefix(read(bytes).batches, batches);
      }),
      { numRuns: 500 },
    );
  });

  it('reads a long run of marks in linear time', () => {
    const bytes = Buffer.concat([logOf(sample), Buffer.alloc(1024 * 1024, 0xff)]);
    assert.equal(read(bytes).end.kind, 'torn');
  });
});
