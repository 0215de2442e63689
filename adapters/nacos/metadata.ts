import {
  isCredential as isRegistryCredential,
  type Locality,
  type Metadata,
  metadataFrom,
} from '../../core/plugin/index.js';
import { defaultCluster } from './service-key.js';

/** Nacos's own clients, and Dubbo's, register the user beside the password. */
const userKey = /^(?:user|user[-_.]?name|user[-_.]?info)$/i;

const maxPooled = 65_536;
const maxPooledLength = 256;

/** Whether an entry of metadata looks like it carries a credential. */
export function isCredential(key: string, value: string): boolean {
  return userKey.test(key) || isRegistryCredential(key, value);
}

/** Makes one string of many equal ones: what instances say of themselves repeats thousands of times. */
export class StringPool {
  readonly #strings = new Map<string, string>();

  get(text: string): string {
    if (text.length > maxPooledLength) return text;
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    // Begun anew when full: what is in use comes back, what is not goes.
    if (this.#strings.size >= maxPooled) this.#strings.clear();
    this.#strings.set(text, text);
    return text;
  }
}

/** Metadata of an instance: what it says of itself, without what looks like credentials, and `own` keys of ours. */
export function instanceMetadata(
  said: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, string>>,
  pool: StringPool,
): Metadata {
  const entries: [string, string][] = Object.entries(own);
  for (const key in said) {
    const value = said[key];
    if (typeof value !== 'string' || Object.hasOwn(own, key)) continue;
    if (isCredential(key, value)) continue;
    entries.push([pool.get(key), pool.get(value)]);
  }
  return metadataFrom(entries);
}

/** The cluster as a place of that kind; the default cluster is none. */
export function clusterLocalityOf(
  cluster: string,
  kind: 'none' | 'region' | 'zone' | 'subzone',
  pool: StringPool,
): Locality | undefined {
  if (kind === 'none' || cluster === defaultCluster) return undefined;
  return { region: '', zone: '', subzone: '', [kind]: pool.get(cluster.replaceAll('/', '-')) };
}

/** From the metadata `region`, `zone` and `subzone`. A slash would part them where a locality is one text. */
export function localityOf(metadata: Readonly<Record<string, unknown>>, pool: StringPool): Locality | undefined {
  const text = (key: string) => (typeof metadata[key] === 'string' ? (metadata[key] as string) : '');
  const [region, zone, subzone] = [text('region'), text('zone'), text('subzone')];
  if (region === '' && zone === '' && subzone === '') return undefined;
  const part = (text: string) => pool.get(text.replaceAll('/', '-'));
  return { region: part(region), zone: part(zone), subzone: part(subzone) };
}
