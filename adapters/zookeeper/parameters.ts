import { type Metadata, metadataFrom } from '../../core/plugin/index.js';
import { type DubboUrl, decodeParameter, type Encoding, splitQuery } from './dubbo-url.js';
import { detached, Pool } from './pool.js';

/**
 * Parameters that are not kept as metadata. They stand elsewhere in the catalog (interface, group, version, weight,
 * the switches), or tell of the provider's process alone, or say the same for each provider.
 */
const dropped: ReadonlySet<string> = new Set([
  'interface',
  'group',
  'version',
  'weight',
  'disabled',
  'enabled',
  'category',
  'side',
  'methods',
  'anyhost',
  'pid',
  'bind.ip',
  'bind.port',
  'register.ip',
  'register',
  'register-mode',
  'check',
  'generic',
  'dynamic',
  'deprecated',
  'background',
  'logger',
  'file-cache',
  'dubbo.application.enable-file-cache',
  'executor-management-mode',
  'metadata-type',
  'service-name-mapping',
]);

const droppedPrefixes = ['qos.'] as const;
const sensitive =
  /passw|passwd|pwd|secret|token|credential|access.?key|api.?key|private.?key|(?:^|[._-]|26)user(?:name)?$/i;
/** A URL with a password in it, encoded once more or not. */
const sensitiveValue = /(?::\/\/|%3A%2F%2F)[^/?#\s@]*(?::|%3A)[^/?#\s]*(?:@|%40)/i;

/** Whether the value of a parameter with this name must not be shown. */
export function isSensitive(key: string): boolean {
  return sensitive.test(key);
}

/** A decoded parameter. */
interface Parameter {
  readonly key: string;
  readonly value: string;
  /** Whether it becomes metadata. */
  readonly kept: boolean;
}

const undecodable: Parameter = { key: '', value: '', kept: false };
const maxRepeated = 50_000;
const wholeNumber = /^-?[0-9]{1,15}$/;

/**
 * Parameters read shortly before. Providers of one interface differ in little more than address, process and time, so
 * that one often needs no decoding after another. Short-lived: it holds the texts of whole queries.
 */
export class RecentParameters {
  readonly #bySignature = new Map<string, readonly Parameter[]>();

  get(signature: string, make: () => readonly Parameter[]): readonly Parameter[] {
    let list = this.#bySignature.get(signature);
    if (list === undefined) {
      list = make();
      if (this.#bySignature.size < maxRecent) this.#bySignature.set(signature, list);
    }
    return list;
  }
}

const maxRecent = 16;

/** Reads the parameters of provider URLs, each parameter decoded once for all URLs that have it. */
export class ParameterReader {
  readonly #encoded = new Pool<Parameter>(maxRepeated);
  readonly #plain = new Pool<Parameter>(maxRepeated);

  read(url: DubboUrl, recent: RecentParameters): Parameters {
    const { encoding } = url;
    const pid = cutParameter(url.query, 'pid', encoding);
    const timestamp = cutParameter(pid.rest, 'timestamp', encoding);
    const pool = encoding.encoded ? this.#encoded : this.#plain;
    const list = recent.get(timestamp.rest, () =>
      splitQuery(timestamp.rest, encoding).map((text) => pool.get(text, (kept) => decode(kept, encoding))),
    );
    // Through a number: a piece of the text would keep all of it alive.
    const timestampMs = wholeNumber.test(timestamp.value) ? Number(timestamp.value) : 0;
    return new Parameters(list, timestampMs);
  }
}

/** Takes the first parameter with this key out of a query; it must need no decoding. */
function cutParameter(query: string, key: string, { and, equals }: Encoding): { rest: string; value: string } {
  const start = query.startsWith(key + equals) ? 0 : query.indexOf(and + key + equals);
  if (start < 0) return { rest: query, value: '' };
  const valueStart = query.indexOf(equals, start) + equals.length;
  let end = query.indexOf(and, valueStart);
  if (end < 0) end = query.length;
  const rest = query.slice(0, start) + query.slice(start === 0 ? end + and.length : end);
  return { rest, value: query.slice(valueStart, end) };
}

function decode(text: string, encoding: Encoding): Parameter {
  const pair = decodeParameter(text, encoding);
  if (pair === undefined) return undecodable;
  const key = detached(pair[0]);
  const secret = isSensitive(key) || sensitiveValue.test(pair[1]);
  const kept = !dropped.has(key) && !secret && !droppedPrefixes.some((prefix) => key.startsWith(prefix));
  return { key, value: detached(pair[1]), kept };
}

/** The parameters of one provider. */
export class Parameters {
  readonly #list: readonly Parameter[];
  /** When it registered, milliseconds since the epoch; 0 when it does not say. */
  readonly timestampMs: number;

  constructor(list: readonly Parameter[], timestampMs: number) {
    this.#list = list;
    this.timestampMs = timestampMs;
  }

  /** The value of the first parameter with this key; '' when there is none. Not for `pid` and `timestamp`. */
  get(key: string): string {
    for (const parameter of this.#list) {
      if (parameter.key === key) return parameter.value;
    }
    return '';
  }

  /** Dubbo's own reading of a boolean: java.lang.Boolean.parseBoolean. */
  is(key: string, absent: boolean): boolean {
    const value = this.get(key);
    return value === '' ? absent : value.toLowerCase() === 'true';
  }

  /** What is kept as metadata, the time of registration, and `extra`. */
  metadata(extra: readonly (readonly [string, string])[]): Metadata {
    const entries: (readonly [string, string])[] = [...extra];
    for (const { key, value, kept } of this.#list) {
      if (kept && value !== '') entries.push([key, value]);
    }
    if (this.timestampMs > 0) entries.push(['timestamp', String(this.timestampMs)]);
    return metadataFrom(entries);
  }
}
