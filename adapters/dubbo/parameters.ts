import { type Metadata, metadataFrom, metadataLimits } from '../../core/plugin/index.js';
import { type DubboUrl, decodeParameter, type Encoding, splitQuery } from './dubbo-url.js';
import { detached, Pool } from './pool.js';
import { hasCredentials, isSensitive } from './secrets.js';

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
  // Which configurator was applied, or how the record was read: not what the provider is.
  'providerAddresses',
  'REGISTRY_CLUSTER',
]);

const droppedPrefixes = ['qos.'] as const;

/** A decoded parameter. */
interface Parameter {
  readonly key: string;
  readonly value: string;
  /** Whether it becomes metadata. */
  readonly kept: boolean;
}

const undecodable: Parameter = { key: '', value: '', kept: false };
const maxRepeated = 50_000;
const maxParameters = 1024;
const wholeNumber = /^-?[0-9]{1,15}$/;

/**
 * Parameters read shortly before. Providers of one interface differ in little more than address, process and time, so
 * that one often needs no decoding after another. Short-lived: it holds the texts of whole queries.
 */
export class RecentParameters {
  readonly #bySignature = new Map<string, ParameterList>();

  get(signature: string, make: () => ParameterList): ParameterList {
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
  readonly #decoded = new Pool<Parameter>(maxRepeated);

  read(url: DubboUrl, recent: RecentParameters): Parameters {
    const { encoding } = url;
    const pid = cutParameter(url.query, 'pid', encoding);
    const timestamp = cutParameter(pid.rest, 'timestamp', encoding);
    const pool = encoding.encoded ? this.#encoded : this.#plain;
    const decoded = (text: string) => pool.get(text, (kept) => decode(kept, encoding));
    const list = recent.get(timestamp.rest, () => new ParameterList(splitQuery(timestamp.rest, encoding).map(decoded)));
    return new Parameters(list, timestampFrom(timestamp.value));
  }

  /**
   * The same of parameters that are decoded already, as those in metadata by revision or of a Nacos instance.
   * @param timestampMs when the provider registered, milliseconds since the epoch; 0 when it does not say
   */
  of(entries: Iterable<readonly [string, string]>, timestampMs: number): Parameters {
    const list: Parameter[] = [];
    for (const [key, value] of entries) {
      if (key === '' || key === 'timestamp' || key === 'pid') continue;
      if (list.length >= maxParameters) break;
      list.push(this.#decoded.get(`${key}\n${value}`, () => parameter(key, value)));
    }
    return new Parameters(new ParameterList(list), timestampMs);
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
  return parameter(detached(pair[0]), detached(pair[1]));
}

function parameter(key: string, value: string): Parameter {
  const bounded = value.length <= metadataLimits.valueLength;
  const kept = bounded && isKept(key) && !isSensitive(key) && !hasCredentials(value);
  return { key, value, kept };
}

/** Whether a parameter with this name becomes metadata, if it is no secret. */
export function isKept(key: string): boolean {
  return !dropped.has(key) && !droppedPrefixes.some((prefix) => key.startsWith(prefix));
}

/** Milliseconds since the epoch from a `timestamp`; 0 for what is none. A number, so that no longer text stays alive. */
export function timestampFrom(text: string): number {
  return wholeNumber.test(text) ? Number(text) : 0;
}

/** Parameters that many providers have alike: all but those that tell of one process. */
export class ParameterList {
  readonly #values = new Map<string, string>();
  /** Those that become metadata. */
  readonly kept: readonly (readonly [string, string])[];
  #make: ((list: ParameterList) => unknown) | undefined;
  #derived: unknown;

  constructor(parameters: readonly Parameter[]) {
    // Dubbo reads the first of several with one key.
    for (const { key, value } of parameters) if (!this.#values.has(key)) this.#values.set(key, value);
    this.kept = parameters.flatMap(({ key, value, kept }) => (kept && value !== '' ? [[key, value] as const] : []));
  }

  /** What `make` makes of it; made once as long as it is asked for with the same `make`. */
  derive<Value>(make: (list: ParameterList) => Value): Value {
    if (this.#make !== make) {
      this.#derived = make(this);
      this.#make = make;
    }
    return this.#derived as Value;
  }

  /** The value of the parameter with this key; '' when there is none. */
  get(key: string): string {
    return this.#values.get(key) ?? '';
  }

  /** Dubbo's own reading of a boolean: java.lang.Boolean.parseBoolean; undefined when there is none. */
  flag(key: string): boolean | undefined {
    const value = this.get(key);
    return value === '' ? undefined : value.toLowerCase() === 'true';
  }
}

/** The parameters of one provider. */
export class Parameters {
  /** All but `pid` and `timestamp`; the very same object for providers that were read with one `RecentParameters`. */
  readonly list: ParameterList;
  /** When it registered, milliseconds since the epoch; 0 when it does not say. */
  readonly timestampMs: number;

  constructor(list: ParameterList, timestampMs: number) {
    this.list = list;
    this.timestampMs = timestampMs;
  }

  /** The same parameters of a provider that registered at another time. */
  registeredAt(timestampMs: number): Parameters {
    return new Parameters(this.list, timestampMs);
  }

  /** What is kept as metadata, the time of registration, and `extra`. */
  metadata(extra: readonly (readonly [string, string])[]): Metadata {
    const entries = [...extra, ...this.list.kept];
    if (this.timestampMs > 0) entries.push(['timestamp', String(this.timestampMs)]);
    return metadataFrom(entries);
  }
}
