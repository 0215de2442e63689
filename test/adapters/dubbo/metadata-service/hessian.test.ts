import assert from 'node:assert/strict';
import fc from 'fast-check';
import { HessianReader } from '../../../../adapters/dubbo/metadata-service/hessian-reader.js';
import {
  HessianError,
  hessianMap,
  hessianString,
} from '../../../../adapters/dubbo/metadata-service/hessian-strings.js';

/** From the examples of the specification, http://hessian.caucho.com/doc/hessian-serialization.html */
const read = (...bytes: (number | string)[]) =>
  new HessianReader(
    Buffer.concat(bytes.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part])))),
  ).read();
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

describe('HessianReader', () => {
  it('reads the numbers of the specification', () => {
    assert.deepEqual([read(0x90), read(0x80), read(0xbf)], [0, -16, 47]);
    assert.deepEqual([read(0xc8, 0x00), read(0xc0, 0x00), read(0xc7, 0x00), read(0xcf, 0xff)], [0, -2048, -256, 2047]);
    assert.deepEqual([read(0xd4, 0, 0), read(0xd0, 0, 0), read(0xd7, 0xff, 0xff)], [0, -262144, 262143]);
    assert.deepEqual([read('I', 0, 0, 0, 0), read('I', 0, 0, 1, 0x2c)], [0, 300]);
    assert.deepEqual([read(0xe0), read(0xd8), read(0xef)], [0, -8, 15]);
    assert.deepEqual([read(0xf8, 0), read(0xf0, 0), read(0xff, 0xff)], [0, -2048, 2047]);
    assert.deepEqual([read(0x3c, 0, 0), read(0x38, 0, 0), read(0x3f, 0xff, 0xff)], [0, -262144, 262143]);
    assert.deepEqual([read(0x59, 0, 0, 1, 0x2c), read('L', 0, 0, 0, 0, 0, 0, 1, 0x2c)], [300, 300]);
    assert.deepEqual([read(0x5b), read(0x5c), read(0x5d, 0x80), read(0x5e, 0x7f, 0xff)], [0, 1, -128, 32767]);
    assert.deepEqual([read('D', 0x40, 0x28, 0x80, 0, 0, 0, 0, 0), read(0x5f, 0, 0, 0x2f, 0xda)], [12.25, 12.25]);
    assert.deepEqual(
      [read(0x4a, 0, 0, 0, 0xd0, 0x4b, 0x92, 0x84, 0xb8), read(0x4b, 0, 0xe3, 0x83, 0x8f)],
      [894621091000, 894621060000],
    );
    assert.deepEqual([read('T'), read('F'), read('N')], [true, false, null]);
  });

  it('reads strings and bytes, whole and in chunks', () => {
    assert.deepEqual(
      [read(0), read(5, 'hello'), read('S', 0, 5, 'hello'), read(0x30, 5, 'hello')],
      ['', 'hello', 'hello', 'hello'],
    );
    assert.equal(read('R', 0, 3, 'hel', 2, 'lo'), 'hello');
    assert.equal(read(1, 0xc3, 0x83), '\u00c3');
    assert.deepEqual(read(0x23, 1, 2, 3), Buffer.from([1, 2, 3]));
    assert.deepEqual(read('A', 0, 1, 1, 'B', 0, 1, 2), Buffer.from([1, 2]));
  });

  it('reads lists, maps, objects and references', () => {
    assert.deepEqual(read('V', 4, '[int', 0x92, 0x90, 0x91), [0, 1]);
    assert.deepEqual(read(0x57, 0x90, 0x91, 'Z'), [0, 1]);
    assert.deepEqual(read(0x7a, 0x90, 0x91), [0, 1]);
    assert.deepEqual(read('X', 0x91, 0x91), [1]);
    assert.deepEqual(read('U', 1, 'T', 0x91, 'Z'), [1]);
    assert.deepEqual(plain(read('M', 1, 'T', 1, 'a', 0x91, 'Z')), { a: 1 });
    assert.deepEqual(plain(read('H', 1, 'a', 'H', 1, 'b', 'N', 'Z', 'Z')), { a: { b: null } });
    const car = ['C', 3, 'Car', 0x92, 5, 'color', 5, 'model', 'O', 0x90, 3, 'red', 8, 'corvette'];
    assert.deepEqual(plain(read(...car)), { color: 'red', model: 'corvette' });
    assert.deepEqual(plain(read(0x7a, 'C', 1, 'C', 0x91, 1, 'a', 0x60, 0x91, 0x60, 0x92)), [{ a: 1 }, { a: 2 }]);
    const cyclic = read('C', 10, 'LinkedList', 0x92, 4, 'head', 4, 'tail', 'O', 0x90, 0x91, 0x51, 0x90) as Record<
      string,
      unknown
    >;
    assert.equal(cyclic['tail'], cyclic);
  });

  it('gives plain data, whatever the keys', () => {
    const map = read('H', 9, '__proto__', 0x91, 11, 'constructor', 0x92, 'Z') as Record<string, unknown>;
    assert.equal(Object.getPrototypeOf(map), null);
    assert.deepEqual(Object.keys(map), ['__proto__', 'constructor']);
  });

  it('gives back any string, also in several chunks, with surrogates as Java writes them', () => {
    const back = (text: string) => new HessianReader(hessianString(text)).read();
    const emoji = '\u{1f600}';
    assert.equal(back(emoji), emoji);
    assert.equal(hessianString(emoji).toString('hex'), '02eda0bdedb880');
    assert.equal(read(2, 0xf0, 0x9f, 0x98, 0x80), emoji);
    assert.equal(back('x'.repeat(100_000)), 'x'.repeat(100_000));
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => assert.equal(back(text), text)));
  });

  it('gives back a map of strings', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (entries) => {
        assert.deepEqual({ ...(new HessianReader(hessianMap(entries)).read() as object) }, { ...entries });
      }),
    );
  });

  it('believes no length, and has bounds', () => {
    const huge = ['I', 0x7f, 0xff, 0xff, 0xff] as const;
    for (const bytes of [
      ['X', ...huge],
      ['V', 1, 'T', ...huge],
      ['C', 1, 'C', ...huge],
      ['S', 0xff, 0xff, 'a'],
      ['A', 0xff, 0xff, 'a'],
      [0x51, 0x95],
      [0x60],
      ['O', 0x99],
      ['M', 0x99],
      ['M', 0x57],
      [0x58, 0x80],
      [1, 0x80],
      [1, 0xff],
      ['@'],
      ['H', 1, 'a'],
      [],
    ]) {
      assert.throws(() => read(...bytes), HessianError, JSON.stringify(bytes));
    }
    assert.throws(() => read('W'.repeat(100_000)), /nested too deeply/);
    assert.throws(() => read('H'.repeat(100_000)), /nested too deeply/);
    // Definitions without end are read, one after another.
    assert.throws(() => read('C\x00\x90'.repeat(200_000)), /ends too early/);
    const many = new HessianReader(Buffer.concat([Buffer.from('W'), Buffer.alloc(1000, 0x90)]), {
      maxDepth: 8,
      maxValues: 100,
    });
    assert.throws(() => many.read(), /too many values/);
  });

  it('throws nothing but HessianError, whatever the bytes', () => {
    const codes = fc.constantFrom(
      0x43,
      0x4f,
      0x48,
      0x4d,
      0x51,
      0x52,
      0x53,
      0x55,
      0x56,
      0x57,
      0x58,
      0x5a,
      0x60,
      0x70,
      0x78,
      0x90,
      0x91,
      1,
      0x30,
      0x61,
    );
    const bytes = fc.array(fc.oneof(codes, fc.integer({ min: 0, max: 255 })), { maxLength: 200 });
    fc.assert(
      fc.property(bytes, (list) => {
        try {
          new HessianReader(Buffer.from(list)).read();
        } catch (error) {
          assert.ok(error instanceof HessianError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
