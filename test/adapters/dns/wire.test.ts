import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeMessage, encodeQuery, WireError } from '../../../adapters/dns/wire.js';

/** A message from its parts; counts may lie. */
function message(parts: readonly (number | readonly number[] | string)[]): Buffer {
  const bytes = parts.flatMap((part) =>
    typeof part === 'number' ? [part] : typeof part === 'string' ? [...Buffer.from(part, 'latin1')] : [...part],
  );
  return Buffer.from(bytes);
}

const header = (answers: number, authority = 0, flags = 0x8180) =>
  [0x12, 0x34, flags >> 8, flags & 0xff, 0, 1, answers >> 8, answers & 0xff, 0, authority, 0, 0] as const;
/** `a.test` A IN, at offset 12. */
const question = [1, 97, 4, 116, 101, 115, 116, 0, 0, 1, 0, 1] as const;
const record = (
  name: readonly number[],
  type: number,
  data: readonly number[],
  ttl: readonly number[] = [0, 0, 0, 60],
) => [...name, ...[0, type, 0, 1], ...ttl, ...[data.length >> 8, data.length & 0xff], ...data];
const pointer = [0xc0, 12] as const;
const decode = (...parts: (readonly number[])[]) => decodeMessage(message(parts));

describe('adapters/dns: the wire format', () => {
  it('reads what it writes, as a question', () => {
    const { id, question: asked, isAnswer } = decodeMessage(encodeQuery(0x1234, 'orders.test', 'SRV'));
    assert.deepEqual(
      { id, asked, isAnswer },
      { id: 0x1234, asked: { name: 'orders.test', type: 33 }, isAnswer: false },
    );
  });

  it('reads records, names that point back, and passes over what it does not know', () => {
    const { records } = decode(
      header(5),
      question,
      record(pointer, 1, [10, 0, 0, 1]),
      record([1, 65, 0xc0, 14], 28, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
      record(pointer, 16, [3, 97, 98, 99]),
      record(pointer, 5, [1, 98, 0xc0, 14], [0xff, 0, 0, 0]),
      record(pointer, 33, [0, 1, 0, 2, 0x1f, 0x90, 0xc0, 12]),
    );
    assert.deepEqual(records, [
      { type: 'A', name: 'a.test', ttlSeconds: 60, address: '10.0.0.1' },
      { type: 'AAAA', name: 'a.test', ttlSeconds: 60, address: '2001:db8::1' },
      { type: 'CNAME', name: 'a.test', ttlSeconds: 0, target: 'b.test' },
      { type: 'SRV', name: 'a.test', ttlSeconds: 60, priority: 1, weight: 2, port: 8080, target: 'a.test' },
    ]);
  });

  it('tells "nothing" from "ask others"', () => {
    const start = [...pointer, 0, 6, 0, 1, 0, 0, 1, 0];
    const soa = [...start, 0, 22, 0, 0, ...new Array(16).fill(0), 0, 0, 0, 30];
    const nothing = decode(header(0, 1), question, soa);
    assert.deepEqual([nothing.negativeTtlSeconds, nothing.isReferral], [30, false]);
    const referral = decode(header(0, 1), question, record(pointer, 2, [...pointer]));
    assert.deepEqual([referral.negativeTtlSeconds, referral.isReferral], [undefined, true]);
  });

  it('keeps names apart that look alike', () => {
    const nameOf = (...label: number[]) => {
      const [first] = decode(header(1), question, record([label.length, ...label, 0], 1, [1, 2, 3, 4])).records;
      return first?.name;
    };
    assert.equal(nameOf(97, 46, 98), 'a\\046b');
    assert.equal(nameOf(97, 13, 10), 'a\\013\\010');
    assert.equal(nameOf(0), '\\000');
    assert.equal(nameOf(0xe1), '\\225');
    assert.equal(nameOf(65, 95, 45), 'a_-');
  });

  for (const [what, parts] of [
    ['nothing', []],
    ['half a header', [[1, 2, 3]]],
    ['several questions', [[0, 0, 0x81, 0x80, 0, 2, 0, 0, 0, 0, 0, 0], question, question]],
    ['more records than bytes', [header(65_535), question]],
    ['a pointer to itself', [header(1), question, record([0xc0, 24], 1, [1, 2, 3, 4])]],
    ['a pointer ahead', [header(1), question, record([0xc0, 80], 1, [1, 2, 3, 4])]],
    ['pointers in a ring', [header(1), [1, 97, 0xc0, 12, 0, 1, 0, 1]]],
    ['a label of a reserved kind', [header(1), question, record([0x80, 1], 1, [1, 2, 3, 4])]],
    ['an A record of 5 bytes', [header(1), question, record(pointer, 1, [1, 2, 3, 4, 5])]],
    ['an AAAA record of 4 bytes', [header(1), question, record(pointer, 28, [1, 2, 3, 4])]],
    ['an SRV record that ends in its name', [header(1), question, record(pointer, 33, [0, 1, 0, 1, 0, 1, 5, 97])]],
    [
      'a name of 320 bytes',
      [header(1), question, record([...new Array(5).fill([63, ...new Array(63).fill(97)]).flat(), 0], 1, [])],
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeMessage(message(parts as never)), WireError);
    });
  }

  it('never throws anything else, whatever the bytes are', () => {
    const good = message([
      header(2),
      question,
      record(pointer, 1, [10, 0, 0, 1]),
      record(pointer, 33, [0, 1, 0, 2, 0x1f, 0x90, 1, 98, 0xc0, 14]),
    ]);
    const broken = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
    const any = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    const cut = fc.nat(good.length).map((length) => good.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(any, broken, cut), (bytes) => {
        try {
          const { records } = decodeMessage(bytes);
          assert.ok(records.length <= bytes.length / 11);
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('takes a time that grows with the message, at the largest size', () => {
    // Each name is a chain of pointers as long as can be.
    const chain = [1, 97, 0xc0, 12];
    const bytes = message([header(3000), question, ...Array.from({ length: 3000 }, () => record(chain, 16, []))]);
    const startMs = performance.now();
    for (let round = 0; round < 10; round++) assert.throws(() => decodeMessage(bytes.subarray(0, -1)), WireError);
    assert.ok(performance.now() - startMs < 2000);
  });
});
