import {
  checkAddress,
  checkPort,
  defaultWeight,
  type Health,
  type Instance,
  type Locality,
  type Rejection,
} from '../../core/plugin/index.js';
import { parseDubboUrl } from './dubbo-url.js';
import { type ParameterList, ParameterReader, type Parameters, RecentParameters } from './parameters.js';
import { Pool } from './pool.js';
import { type ProviderProtocol, providerProtocol, unknownProtocol } from './protocols.js';
import { shownUrl } from './secrets.js';

/** A service's name within its interface: Dubbo tells services apart by interface, version and group. */
export interface ServiceId {
  readonly version: string;
  readonly group: string;
}

/** The switches of a provider as it set them itself; `undefined` for one that it did not set. */
export interface Switches {
  readonly disabled: boolean | undefined;
  readonly enabled: boolean | undefined;
  /** false: a static provider, which stays in the registry when it is dead. */
  readonly dynamic: boolean | undefined;
}

/** Whether the provider itself is registered, by interface, or an instance of its application. */
export type Mode = 'interface' | 'application';

/** One protocol of one address that provides one service. */
export interface Provider {
  readonly kind: 'provider';
  readonly mode: Mode;
  readonly interfaceName: string;
  readonly id: ServiceId;
  readonly protocol: ProviderProtocol;
  readonly application: string;
  /** Its id is `protocol://address:port`, and its port's name the protocol. */
  readonly instance: Instance;
  readonly switches: Switches;
  /** When it registered, milliseconds since the epoch; 0 when it does not say. */
  readonly timestampMs: number;
}

/** What one record of a registry says. */
export type Outcome =
  | Provider
  /** A consumer, a rule, an empty list: not an instance, and no fault. */
  | { readonly kind: 'ignored' }
  | RejectedProvider;

/** A record that was left out. */
export interface RejectedProvider {
  readonly kind: 'rejected';
  readonly interfaceName: string;
  /** As far as it could be read. */
  readonly id: ServiceId | undefined;
  readonly rejection: Rejection;
}

/** A provider as a registry writes it otherwise than in one URL. */
export interface ProviderRecord {
  readonly mode: Mode;
  readonly interfaceName: string;
  readonly protocol: string;
  readonly host: string;
  readonly port: string | number;
  /** Of its URL, without the leading slash. */
  readonly path: string;
  readonly parameters: Parameters;
  /** The record as it may be shown when it is rejected: printable, without credentials. */
  readonly shown: () => string;
}

/** Where a provider is. */
interface Place {
  /** `protocol://address:port` */
  readonly id: string;
  readonly address: string;
}

/** What all providers with one list of parameters have alike. */
interface Alike {
  /** undefined when version or group are none that a service may have. */
  readonly id: ServiceId | undefined;
  /** As the parameters name it; '' when they do not. */
  readonly interfaceName: string;
  /** undefined when it is no number. */
  readonly weight: number | undefined;
  readonly application: string;
  readonly locality: Locality | undefined;
  readonly switches: Switches;
}

const ignored: Outcome = { kind: 'ignored' };
/** What Dubbo writes as URLs that are no providers. */
const noProviders: ReadonlySet<string> = new Set([
  'consumer',
  'empty',
  'override',
  'absent',
  'route',
  'condition',
  'script',
  'tag',
  'admin',
]);
/** Neither separates the parts of a service's name, nor escapes them. */
const plainWord = /^[\x21-\x24\x26-\x39\x3b-\x7e]{0,128}$/;
const badWord = 'its version or group is longer than 128 or has characters other than printable ASCII without % and :';
const wholeNumber = /^-?[0-9]{1,15}$/;
const maxWeight = 1_000_000;
const pooled = 65_536;

/** Makes instances of the providers that a registry has; what repeats among them is one object. */
export class ProviderReader {
  /** For {@link readRecord}. */
  readonly parameters = new ParameterReader();
  readonly #places = new Pool<Place>(pooled);
  readonly #ports = new Pool<Instance['ports']>(pooled);
  readonly #ids = new Pool<ServiceId>(pooled);
  readonly #switches = new Pool<Switches>(pooled);
  readonly #localities = new Pool<Locality>(pooled);

  /**
   * A URL that is the name of a `providers` node's child.
   * @param interfaceName the interface whose provider it is said to be, decoded
   * @param recent shared by the children of one node while they are read
   */
  read(interfaceName: string, childName: string, recent = new RecentParameters()): Outcome {
    const url = parseDubboUrl(childName);
    if (url === undefined) return reject(interfaceName, undefined, shownUrl(childName), 'not a Dubbo URL');
    if (noProviders.has(url.protocol)) return ignored;
    const parameters = this.parameters.read(url, recent);
    const { protocol, host, port, path } = url;
    const shown = () => shownUrl(childName);
    return this.readRecord({ mode: 'interface', interfaceName, protocol, host, port, path, parameters, shown });
  }

  /** The same of a record whose parameters are decoded (see {@link ParameterReader.of}). */
  readRecord(record: ProviderRecord): Outcome {
    const { mode, interfaceName, parameters, shown, path } = record;
    const alike = parameters.list.derive(this.#readAlike);
    if (alike === undefined) return ignored;
    const { id, weight, locality, switches, application } = alike;
    if (id === undefined) return reject(interfaceName, undefined, shown(), badWord);
    const protocol = providerProtocol(record.protocol);
    if (protocol === undefined) return reject(interfaceName, id, shown(), unknownProtocol);
    if ((alike.interfaceName || path) !== interfaceName)
      return reject(interfaceName, id, shown(), 'its interface is not the one it is registered under');
    const address = checkAddress(record.host);
    if (!address.ok) return reject(interfaceName, id, shown(), address.reason);
    const port = checkPort(record.port);
    if (!port.ok) return reject(interfaceName, id, shown(), port.reason);
    if (weight === undefined) return reject(interfaceName, id, shown(), 'its weight is no whole number');

    const place = this.#placeOf(protocol, address.address, port.port);
    const ports = this.#ports.get(`${protocol}:${port.port}`, () => Object.freeze({ [protocol]: port.port }));
    const health = healthFrom(switches);
    const metadata = parameters.metadata(path === interfaceName ? [] : [['path', path]]);
    const bare = { id: place.id, address: place.address, ports, health, weight, metadata };
    const instance: Instance = locality === undefined ? bare : { ...bare, locality };
    const { timestampMs } = parameters;
    return { kind: 'provider', mode, interfaceName, id, protocol, application, instance, switches, timestampMs };
  }

  readonly #readAlike = (list: ParameterList): Alike | undefined => {
    const category = list.get('category');
    if (category !== '' && category !== 'providers') return undefined;
    if (list.get('side') === 'consumer') return undefined;
    return {
      id: this.#idOf(list),
      interfaceName: list.get('interface'),
      weight: weightFrom(list.get('weight')),
      application: list.get('application'),
      locality: this.#localityOf(list),
      switches: this.#switchesOf(list),
    };
  };

  /** The address is a part of the id, not a copy. */
  #placeOf(protocol: ProviderProtocol, address: string, port: number): Place {
    const isBracketed = address.includes(':');
    const text = isBracketed ? `${protocol}://[${address}]:${port}` : `${protocol}://${address}:${port}`;
    return this.#places.get(text, (id) => {
      const start = protocol.length + (isBracketed ? 4 : 3);
      return { id, address: id.slice(start, start + address.length) };
    });
  }

  #idOf(list: ParameterList): ServiceId | undefined {
    const version = list.get('version');
    const group = list.get('group');
    if (!plainWord.test(version) || !plainWord.test(group)) return undefined;
    return this.#ids.get(`${version}\n${group}`, () => ({ version, group }));
  }

  #switchesOf(list: ParameterList): Switches {
    const disabled = list.flag('disabled');
    const enabled = list.flag('enabled');
    const dynamic = list.flag('dynamic');
    return this.#switches.get(`${disabled} ${enabled} ${dynamic}`, () => ({ disabled, enabled, dynamic }));
  }

  #localityOf(list: ParameterList): Locality | undefined {
    // A slash parts region and zone where a locality is written as one text.
    const region = list.get('region').replaceAll('/', '-');
    const zone = list.get('zone').replaceAll('/', '-');
    if (region === '' && zone === '') return undefined;
    return this.#localities.get(`${region}\n${zone}`, () => ({ region, zone, subzone: '' }));
  }
}

/**
 * As RegistryDirectory.toInvokers reads it: `disabled` decides when it is set, else `enabled`; a static provider
 * (`dynamic=false`) stays in the registry when it is dead, so nobody knows.
 */
export function healthFrom({ disabled, enabled, dynamic }: Switches): Health {
  if (disabled ?? enabled === false) return 'unhealthy';
  return dynamic === false ? 'unknown' : 'healthy';
}

/** A weight as registries write it, 100 when there is none; undefined for what is no whole number. */
export function weightFrom(text: string): number | undefined {
  if (text === '') return defaultWeight;
  if (!wholeNumber.test(text)) return undefined;
  return Math.min(maxWeight, Math.max(0, Number(text)));
}

function reject(interfaceName: string, id: ServiceId | undefined, record: string, reason: string): Outcome {
  return { kind: 'rejected', interfaceName, id, rejection: { record, reason } };
}
