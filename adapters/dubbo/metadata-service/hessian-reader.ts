import { HessianError, readUnits } from './hessian-strings.js';

/** What a reader gives: objects have no prototype, and their class is dropped. */
export type HessianValue =
  | null
  | boolean
  | number
  | string
  | Buffer
  | HessianValue[]
  | { readonly [key: string]: HessianValue };

type Composite = HessianValue[] | { [key: string]: HessianValue };

interface ClassDefinition {
  readonly fields: readonly string[];
}

export interface HessianBounds {
  readonly maxDepth: number;
  /** Values in all, each list, map, object and scalar being one. */
  readonly maxValues: number;
}

const defaultBounds: HessianBounds = { maxDepth: 32, maxValues: 2_000_000 };
const end = 0x5a;

/**
 * Reads Hessian 2 (http://hessian.caucho.com/doc/hessian-serialization.html) as hessian-lite, Dubbo's, writes it. Bounded
 * in depth and in values; each value takes at least a byte, so that no length is believed. What comes out is plain data:
 * no class is looked up, and nothing is run. References share objects, so a value may be cyclic.
 */
export class HessianReader {
  readonly #bytes: Buffer;
  readonly #bounds: HessianBounds;
  readonly #references: Composite[] = [];
  readonly #classes: ClassDefinition[] = [];
  readonly #types: string[] = [];
  #at = 0;
  #values = 0;
  #depth = 0;

  constructor(bytes: Buffer, bounds: HessianBounds = defaultBounds) {
    this.#bytes = bytes;
    this.#bounds = bounds;
  }

  /** @throws HessianError */
  read(): HessianValue {
    if (++this.#values > this.#bounds.maxValues) throw new HessianError('there are too many values');
    let code = this.#byte();
    // Not by recursion: definitions can follow each other for as long as the bytes last.
    for (; code === 0x43; code = this.#byte()) this.#define();
    if (code < 0x20 || code === 0x52 || code === 0x53 || (code >= 0x30 && code <= 0x33)) return this.#string(code);
    if (code >= 0x80) return code < 0xd8 ? this.#int(code) : this.#long(code);
    if (code >= 0x60 && code <= 0x6f) return this.#object(code - 0x60);
    if (code >= 0x70) return this.#list(code);
    if ((code >= 0x20 && code <= 0x2f) || (code >= 0x34 && code <= 0x37)) return this.#binary(code);
    if ((code >= 0x38 && code <= 0x3f) || code === 0x59) return this.#long(code);
    switch (code) {
      case 0x41:
      case 0x42:
        return this.#binary(code);
      case 0x44:
      case 0x5b:
      case 0x5c:
      case 0x5d:
      case 0x5e:
      case 0x5f:
        return this.#double(code);
      case 0x46:
        return false;
      case 0x54:
        return true;
      case 0x48:
        return this.#map();
      case 0x4d:
        this.#type();
        return this.#map();
      case 0x49:
        return this.#int(code);
      case 0x4a:
        return Number(this.#take(8).readBigInt64BE());
      case 0x4b:
        return this.#take(4).readInt32BE() * 60_000;
      case 0x4c:
        return this.#long(code);
      case 0x4e:
        return null;
      case 0x4f:
        return this.#object(this.#count());
      case 0x51:
        return this.#reference();
      case 0x55:
      case 0x56:
      case 0x57:
      case 0x58:
        return this.#list(code);
      default:
        throw new HessianError(`0x${code.toString(16)} begins no value`);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new HessianError('the value ends too early');
    this.#at++;
    return byte;
  }

  #take(length: number): Buffer {
    const from = this.#at;
    if (from + length > this.#bytes.length) throw new HessianError('the value ends too early');
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  #int(code: number): number {
    if (code <= 0xbf && code >= 0x80) return code - 0x90;
    if (code >= 0xc0 && code <= 0xcf) return ((code - 0xc8) << 8) + this.#byte();
    if (code >= 0xd0 && code <= 0xd7) return ((code - 0xd4) << 16) + (this.#byte() << 8) + this.#byte();
    if (code === 0x49) return this.#take(4).readInt32BE();
    throw new HessianError('an int was expected');
  }

  #long(code: number): number {
    if (code >= 0xf0) return ((code - 0xf8) << 8) + this.#byte();
    if (code >= 0xd8) return code - 0xe0;
    if (code <= 0x3f) return ((code - 0x3c) << 16) + (this.#byte() << 8) + this.#byte();
    return code === 0x59 ? this.#take(4).readInt32BE() : Number(this.#take(8).readBigInt64BE());
  }

  #double(code: number): number {
    if (code === 0x5b) return 0;
    if (code === 0x5c) return 1;
    if (code === 0x5d) return this.#take(1).readInt8();
    if (code === 0x5e) return this.#take(2).readInt16BE();
    return code === 0x5f ? this.#take(4).readInt32BE() / 1000 : this.#take(8).readDoubleBE();
  }

  /** A length, a class or a reference. */
  #count(): number {
    const count = this.#int(this.#byte());
    if (count < 0) throw new HessianError('a length is negative');
    return count;
  }

  #string(first: number): string {
    const chunks: string[] = [];
    for (let code = first; ; code = this.#byte()) {
      let units: number;
      if (code < 0x20) units = code;
      else if (code >= 0x30 && code <= 0x33) units = ((code - 0x30) << 8) + this.#byte();
      else if (code === 0x52 || code === 0x53) units = this.#take(2).readUInt16BE();
      else throw new HessianError('a string was expected');
      const { text, end: after } = readUnits(this.#bytes, this.#at, units);
      this.#at = after;
      chunks.push(text);
      if (code !== 0x52) return chunks.join('');
    }
  }

  #binary(first: number): Buffer {
    const chunks: Buffer[] = [];
    for (let code = first; ; code = this.#byte()) {
      let length: number;
      if (code >= 0x20 && code <= 0x2f) length = code - 0x20;
      else if (code >= 0x34 && code <= 0x37) length = ((code - 0x34) << 8) + this.#byte();
      else if (code === 0x41 || code === 0x42) length = this.#take(2).readUInt16BE();
      else throw new HessianError('bytes were expected');
      chunks.push(this.#take(length));
      if (code !== 0x41) return Buffer.concat(chunks);
    }
  }

  /** The name of a type, or a reference to one; of no use but to be counted. */
  #type(): void {
    const code = this.#byte();
    const isString = code < 0x20 || (code >= 0x30 && code <= 0x33) || code === 0x52 || code === 0x53;
    if (isString) this.#types.push(this.#string(code));
    else if (this.#types[this.#int(code)] === undefined)
      throw new HessianError('a type is referred to that is not there');
  }

  #define(): void {
    this.#string(this.#byte());
    const count = this.#count();
    const fields: string[] = [];
    for (let index = 0; index < count; index++) fields.push(this.#string(this.#byte()));
    this.#classes.push({ fields });
  }

  #object(index: number): HessianValue {
    const definition = this.#classes[index];
    if (definition === undefined) throw new HessianError('a class is referred to that is not there');
    const object = Object.create(null) as { [key: string]: HessianValue };
    return this.#within(object, () => {
      for (const field of definition.fields) object[field] = this.read();
    });
  }

  #map(): HessianValue {
    const map = Object.create(null) as { [key: string]: HessianValue };
    return this.#within(map, () => {
      while (this.#bytes[this.#at] !== end) {
        const key = this.read();
        const value = this.read();
        if (typeof key === 'string' || typeof key === 'number') map[key] = value;
      }
      this.#at++;
    });
  }

  #list(code: number): HessianValue {
    const isTyped = code === 0x55 || code === 0x56 || (code >= 0x70 && code <= 0x77);
    if (isTyped) this.#type();
    let length: number | undefined;
    if (code >= 0x70) length = code & 0x07;
    else if (code === 0x56 || code === 0x58) length = this.#count();
    const list: HessianValue[] = [];
    return this.#within(list, () => {
      for (let index = 0; length === undefined ? this.#bytes[this.#at] !== end : index < length; index++) {
        list.push(this.read());
      }
      if (length === undefined) this.#at++;
    });
  }

  #within(composite: Composite, fill: () => void): HessianValue {
    if (++this.#depth > this.#bounds.maxDepth) throw new HessianError('it is nested too deeply');
    this.#references.push(composite);
    fill();
    this.#depth--;
    return composite;
  }

  #reference(): HessianValue {
    const value = this.#references[this.#count()];
    if (value === undefined) throw new HessianError('a value is referred to that is not there');
    return value;
  }
}
