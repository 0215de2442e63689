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
import { ParameterReader, type Parameters, RecentParameters } from './parameters.js';
import { Pool } from './pool.js';
import { rejectedUrl } from './rejected-url.js';

/** Protocols of Dubbo providers that the catalog takes; the name of the port is the same. */
export const providerProtocols = ['dubbo', 'tri', 'rest'] as const;
export type ProviderProtocol = (typeof providerProtocols)[number];

/** A service's name within its interface: Dubbo tells services apart by interface, version and group. */
export interface ServiceId {
  readonly version: string;
  readonly group: string;
}

/** What one child of a `providers` node says. */
export type Outcome =
  | {
      readonly kind: 'provider';
      readonly id: ServiceId;
      readonly protocol: ProviderProtocol;
      readonly application: string;
      readonly instance: Instance;
      /** When it registered, milliseconds since the epoch; 0 when it does not say. */
      readonly timestampMs: number;
    }
  /** A consumer, a rule, an empty list: not an instance, and no fault. */
  | { readonly kind: 'ignored' }
  /** `id` as far as it could be read. */
  | { readonly kind: 'rejected'; readonly id: ServiceId | undefined; readonly rejection: Rejection };

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

/** Makes instances from the names of a `providers` node's children; what repeats among them is one object. */
export class ProviderReader {
  readonly #parameters = new ParameterReader();
  readonly #strings = new Pool<string>(pooled);
  readonly #ports = new Pool<Instance['ports']>(pooled);
  readonly #ids = new Pool<ServiceId>(pooled);
  readonly #localities = new Pool<Locality>(pooled);

  /**
   * @param interfaceName the interface whose provider it is said to be, decoded
   * @param recent shared by the children of one node while they are read
   */
  read(interfaceName: string, childName: string, recent = new RecentParameters()): Outcome {
    const url = parseDubboUrl(childName);
    if (url === undefined) return reject(undefined, childName, 'not a Dubbo URL');
    if (noProviders.has(url.protocol)) return ignored;
    const parameters = this.#parameters.read(url, recent);
    const category = parameters.get('category');
    if (category !== '' && category !== 'providers') return ignored;
    if (parameters.get('side') === 'consumer') return ignored;

    const version = parameters.get('version');
    const group = parameters.get('group');
    if (!plainWord.test(version) || !plainWord.test(group)) {
      return reject(undefined, childName, badWord);
    }
    const id = this.#ids.get(`${version}\n${group}`, () => ({ version, group }));
    const protocol = providerProtocols.find((name) => name === url.protocol);
    if (protocol === undefined) return reject(id, childName, 'its protocol is none of dubbo, tri, rest');
    const named = parameters.get('interface') || url.path;
    if (named !== interfaceName) return reject(id, childName, 'its interface is not the one it is registered under');
    const address = checkAddress(url.host);
    if (!address.ok) return reject(id, childName, address.reason);
    const port = checkPort(url.port);
    if (!port.ok) return reject(id, childName, port.reason);
    const weight = weightFrom(parameters.get('weight'));
    if (weight === undefined) return reject(id, childName, 'its weight is no whole number');

    const host = this.#strings.get(address.address, (text) => text);
    const authority = host.includes(':') ? `[${host}]:${port.port}` : `${host}:${port.port}`;
    const locality = this.#locality(parameters);
    const instance: Instance = {
      id: this.#strings.get(`${protocol}://${authority}`, (text) => text),
      address: host,
      ports: this.#ports.get(`${protocol}:${port.port}`, () => Object.freeze({ [protocol]: port.port })),
      health: healthFrom(parameters),
      weight,
      ...(locality && { locality }),
      metadata: parameters.metadata(url.path === interfaceName ? [] : [['path', url.path]]),
    };
    const { timestampMs } = parameters;
    return { kind: 'provider', id, protocol, application: parameters.get('application'), instance, timestampMs };
  }

  #locality(parameters: Parameters): Locality | undefined {
    // A slash parts region and zone where a locality is written as one text.
    const region = parameters.get('region').replaceAll('/', '-');
    const zone = parameters.get('zone').replaceAll('/', '-');
    if (region === '' && zone === '') return undefined;
    return this.#localities.get(`${region}\n${zone}`, () => ({ region, zone, subzone: '' }));
  }
}

/**
 * As RegistryDirectory reads it: `disabled` wins, then `enabled`; a static provider (`dynamic=false`) stays in ZooKeeper
 * when it is dead, so nobody knows.
 */
function healthFrom(parameters: Parameters): Health {
  if (parameters.is('disabled', false) || !parameters.is('enabled', true)) return 'unhealthy';
  return parameters.is('dynamic', true) ? 'healthy' : 'unknown';
}

function weightFrom(text: string): number | undefined {
  if (text === '') return defaultWeight;
  if (!wholeNumber.test(text)) return undefined;
  return Math.min(maxWeight, Math.max(0, Number(text)));
}

function reject(id: ServiceId | undefined, childName: string, reason: string): Outcome {
  return { kind: 'rejected', id, rejection: { record: rejectedUrl(childName), reason } };
}
