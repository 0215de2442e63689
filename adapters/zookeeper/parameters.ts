import { type Metadata, metadataFrom, sameMetadata } from '../../core/plugin/index.js';
import { type DubboUrl, decodeParameter } from './dubbo-url.js';
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
/** Differ from provider to provider: to remember them would fill the pool with what is never seen again. */
const unique = /^(?:timestamp|pid|bind\.|register\.ip)/;

/** The parameters of one provider URL, each decoded once for all URLs that have it. */
export class ParameterReader {
  readonly #encoded = new Pool<Parameter>(maxRepeated);
  readonly #plain = new Pool<Parameter>(maxRepeated);

  read(url: DubboUrl): Parameters {
    const decode = (text: string) => decoded(text, url);
    const pool = url.encoding.encoded ? this.#encoded : this.#plain;
    return new Parameters(
      url.parameters.map((text) => (unique.test(text) ? decode(detached(text)) : pool.get(text, decode))),
    );
  }
}

function decoded(text: string, { encoding }: DubboUrl): Parameter {
  const pair = decodeParameter(text, encoding);
  if (pair === undefined) return undecodable;
  const key = detached(pair[0]);
  const kept = !dropped.has(key) && !isSensitive(key) && !droppedPrefixes.some((prefix) => key.startsWith(prefix));
  return { key, value: detached(pair[1]), kept };
}

export class Parameters {
  readonly #list: readonly Parameter[];

  constructor(list: readonly Parameter[]) {
    this.#list = list;
  }

  /** The value of the first parameter with this key; '' when there is none. */
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

  /**
   * What is kept as metadata, and `extra`. Equal metadata becomes the same object as one of `known`.
   */
  metadata(extra: readonly (readonly [string, string])[], known: Iterable<Metadata>): Metadata {
    const entries: (readonly [string, string])[] = [...extra];
    for (const { key, value, kept } of this.#list) {
      if (kept && value !== '') entries.push([key, value]);
    }
    const metadata = metadataFrom(entries);
    for (const other of known) {
      if (sameMetadata(metadata, other)) return other;
    }
    return metadata;
  }
}
