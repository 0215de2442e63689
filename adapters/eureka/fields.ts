import { isRecord } from '../../core/model/is-record.js';

const maxEntries = 1024;
const decimal = /^[0-9]{1,16}$/;
const loneSurrogate = /\p{Surrogate}/u;
const loneSurrogates = /\p{Surrogate}/gu;

/** A list as Eureka's JSON writes it: an array, or, from older servers, the only element itself, or nothing. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** Reads a JSON object of which nothing is known; what is missing or of another type reads as empty. */
export class Fields {
  readonly #record: Readonly<Record<string, unknown>>;

  constructor(record: Readonly<Record<string, unknown>>) {
    this.#record = record;
  }

  text(key: string): string {
    return textOf(Object.hasOwn(this.#record, key) ? this.#record[key] : undefined) ?? '';
  }

  /** A whole number that is not negative, as number or decimal text; 0 when there is none, or one that is not exact. */
  number(key: string): number {
    const value = Object.hasOwn(this.#record, key) ? this.#record[key] : undefined;
    const number = typeof value === 'string' && decimal.test(value) ? Number(value) : value;
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : 0;
  }

  record(key: string): Fields {
    const value = Object.hasOwn(this.#record, key) ? this.#record[key] : undefined;
    return new Fields(isRecord(value) ? value : {});
  }

  /** A port in one of its three forms: `{"$": 8080, "@enabled": "true"}`, `8080`, `"8080"`. Undefined: not enabled. */
  port(key: string, enabledByDefault: boolean): string | number | undefined {
    const value = Object.hasOwn(this.#record, key) ? this.#record[key] : undefined;
    if (typeof value === 'number' || typeof value === 'string') return enabledByDefault ? value : undefined;
    if (!isRecord(value)) return undefined;
    const flag = value['@enabled'];
    const enabled = flag === undefined ? enabledByDefault : flag === true || flag === 'true';
    if (!enabled) return undefined;
    const number = value['$'];
    return typeof number === 'number' || typeof number === 'string' ? number : '';
  }

  /** The entries whose value is text, a number or a truth value; the first 1,024. */
  *texts(): Generator<readonly [string, string]> {
    let count = 0;
    for (const key in this.#record) {
      if (++count > maxEntries) return;
      const value = textOf(this.#record[key]);
      if (value !== undefined) yield [wellFormed(key), value];
    }
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** Lone surrogates, which JSON can say and UTF-8 cannot, become U+FFFD. */
function wellFormed(text: string): string {
  return loneSurrogate.test(text) ? text.replace(loneSurrogates, '\ufffd') : text;
}
