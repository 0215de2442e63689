import { defaultWeight, type Instance, type Metadata, printable, sameMetadata } from '../../core/plugin/index.js';
import { type ApplicationInstance, instanceKey, noRevision } from './application-instance.js';
import type { EarlierProviders, ProvidedByInterface } from './earlier-providers.js';
import type { MetadataInfo, ServiceInfo } from './metadata-info.js';
import type { Parameters } from './parameters.js';
import { providerProtocol } from './protocols.js';
import type { Outcome, Provider, ProviderReader, RejectedProvider } from './provider.js';

/** What an instance provides; see {@link Outcome}. */
export type Provided = Provider | RejectedProvider;

interface Known {
  readonly instance: ApplicationInstance;
  /** Of its revision, or of the one before as long as its own is not known; undefined where an earlier process knew it. */
  readonly info: MetadataInfo | undefined;
  /** What it provided when an earlier process published it; as long as `info` is undefined. */
  readonly earlier?: ProvidedByInterface;
  /** By interface. */
  readonly provided: ReadonlyMap<string, readonly Provided[]>;
}

/** What changed with an update. */
export interface ApplicationChange {
  /** Interfaces whose providers are not the same as before. */
  readonly touched: ReadonlySet<string>;
  /** Revisions that instances announce and no metadata is known of. */
  readonly lacking: ReadonlySet<string>;
}

const maxWeight = 1_000_000;
const nothing: Known['provided'] = new Map();
/** Dubbo's own, which it exports beside what the application provides. */
const ownService = /^org\.apache\.dubbo\.metadata\.MetadataService/;

/**
 * One application's instances and what each of them provides, by interface: the instance says where, the metadata of its
 * revision say what. Does no I/O. An instance whose revision is not known yet keeps what it provided before, also what an
 * earlier process published of it; one that was never known provides nothing. Its revision is told as lacking.
 */
export class ApplicationDirectory {
  readonly #application: string;
  readonly #reader: ProviderReader;
  #known = new Map<string, Known>();
  /** By interface, then by instance: a change of one instance costs what that one provides. */
  readonly #byInterface = new Map<string, Map<string, readonly Provided[]>>();
  /** Decoded once for all instances that add nothing of their own. */
  readonly #parameters = new WeakMap<ServiceInfo, Parameters>();

  constructor(application: string, reader: ProviderReader) {
    this.#application = application;
    this.#reader = reader;
  }

  get interfaces(): Iterable<string> {
    return this.#byInterface.keys();
  }

  provides(interfaceName: string): boolean {
    return this.#byInterface.has(interfaceName);
  }

  providedOf(interfaceName: string): readonly Provided[] {
    return [...(this.#byInterface.get(interfaceName)?.values() ?? [])].flat();
  }

  /**
   * @param instances the complete list; who is not among them is gone
   * @param metadata the metadata of a revision of this application, as far as they are known by now; what an instance was
   *   read with before is still known here
   * @param earlier what an earlier process published, as long as that counts
   */
  update(
    instances: readonly ApplicationInstance[],
    metadata: (revision: string) => MetadataInfo | undefined,
    earlier?: EarlierProviders,
  ): ApplicationChange {
    const before = this.#known;
    const known = new Map<string, Known>();
    const touched = new Set<string>();
    const lacking = new Set<string>();
    const infos = [...before.values()].flatMap(({ info }) => info ?? []);
    const byRevision = new Map(infos.map((info) => [info.revision, info]));
    for (const instance of instances) {
      if (instance.revision === noRevision) continue;
      const key = instanceKey(instance);
      const last = known.get(key) ?? before.get(key);
      const own = metadata(instance.revision) ?? byRevision.get(instance.revision);
      if (own === undefined) lacking.add(instance.revision);
      const info = own ?? last?.info;
      const isSame = last !== undefined && last.info === info && sayTheSame(last.instance, instance);
      const now = isSame ? last : this.#read(instance, info, last?.earlier ?? earlier?.providedBy(instance));
      if (now === undefined) continue;
      known.set(key, now);
      if (!isSame) this.#index(key, last?.provided ?? nothing, now.provided, touched);
    }
    for (const [key, { provided }] of before) if (!known.has(key)) this.#index(key, provided, nothing, touched);
    this.#known = known;
    return { touched, lacking };
  }

  /** @param earlier undefined when nothing is known of before */
  #read(
    instance: ApplicationInstance,
    info: MetadataInfo | undefined,
    earlier: ProvidedByInterface | undefined,
  ): Known | undefined {
    if (info) return { instance, info, provided: this.#provided(instance, info) };
    if (!earlier || earlier.size === 0) return undefined;
    const asNow = (providers: readonly Provider[]) =>
      providers.map((provider) => withRegistrysHealth(provider, instance));
    const provided = new Map([...earlier].map(([name, providers]) => [name, asNow(providers)]));
    return { instance, info, earlier, provided };
  }

  #index(key: string, before: Known['provided'], after: Known['provided'], touched: Set<string>): void {
    for (const name of before.keys()) {
      touched.add(name);
      if (after.has(name)) continue;
      const instances = this.#byInterface.get(name);
      instances?.delete(key);
      if (instances?.size === 0) this.#byInterface.delete(name);
    }
    for (const [name, provided] of after) {
      touched.add(name);
      const instances = this.#byInterface.get(name);
      if (instances) instances.set(key, provided);
      else this.#byInterface.set(name, new Map([[key, provided]]));
    }
  }

  #provided(instance: ApplicationInstance, info: MetadataInfo): Known['provided'] {
    const provided = new Map<string, Provided[]>();
    for (const service of info.services) {
      const { interfaceName } = service;
      if (ownService.test(interfaceName) || isExtra(service)) continue;
      const outcome = this.#outcome(instance, service);
      if (outcome.kind === 'ignored') continue;
      const one = outcome.kind === 'provider' ? withRegistrysWord(outcome, instance) : outcome;
      const list = provided.get(interfaceName);
      if (list) list.push(one);
      else provided.set(interfaceName, [one]);
    }
    return provided;
  }

  #outcome(instance: ApplicationInstance, service: ServiceInfo): Outcome {
    const { interfaceName, protocol, path } = service;
    const known = providerProtocol(protocol);
    return this.#reader.readRecord({
      mode: 'application',
      interfaceName,
      protocol,
      host: instance.address,
      port: service.port ?? (known && instance.endpoints[known]) ?? instance.port,
      path,
      parameters: this.#parametersOf(instance, service).registeredAt(instance.timestampMs),
      shown: () => printable(`${this.#application}/${instanceKey(instance)} ${protocol} ${interfaceName}`),
    });
  }

  #parametersOf({ metadata }: ApplicationInstance, service: ServiceInfo): Parameters {
    const common = hasEntries(metadata) ? undefined : this.#parameters.get(service);
    if (common) return common;
    const { interfaceName, group, version, params } = service;
    const entries = new Map([...Object.entries(metadata), ...params]);
    const own = { interface: interfaceName, group, version, application: this.#application };
    const parameters = this.#reader.parameters.of([...Object.entries(own), ...without(entries, own)], 0);
    if (!hasEntries(metadata)) this.#parameters.set(service, parameters);
    return parameters;
  }
}

function without(entries: ReadonlyMap<string, string>, own: object): [string, string][] {
  return [...entries].filter(([key]) => !Object.hasOwn(own, key));
}

function hasEntries(metadata: Metadata): boolean {
  for (const _ in metadata) return true;
  return false;
}

/**
 * A second protocol on the port of the first (`ext.protocol`): consumers pass it over unless they ask for it
 * (ServiceDiscoveryRegistryDirectory), and it is not registered by interface at all (FailbackRegistry).
 */
function isExtra({ params }: ServiceInfo): boolean {
  return params.some(([key, value]) => key === 'isExtra' && value !== '');
}

/** The registry's own health, weight and locality, where it has them (Nacos), over those of the parameters. */
function withRegistrysWord(provider: Provider, said: ApplicationInstance): Provider {
  if (said.health === 'healthy' && said.weight === defaultWeight && !said.locality) return provider;
  const { instance } = provider;
  const exact = (instance.weight * said.weight) / defaultWeight;
  const changed: Instance = {
    ...instance,
    health: instance.health === 'healthy' ? said.health : instance.health,
    weight: exact > 0 ? Math.min(maxWeight, Math.max(1, Math.round(exact))) : 0,
    ...(said.locality && { locality: said.locality }),
  };
  return { ...provider, instance: changed };
}

/** The registry's health alone, over what was published before, in which all else is. */
function withRegistrysHealth(provider: Provider, { health }: ApplicationInstance): Provider {
  const { instance } = provider;
  if (health === 'healthy' || instance.health !== 'healthy') return provider;
  return { ...provider, instance: { ...instance, health } };
}

/** But for the revision: what counts is the metadata that are known. */
function sayTheSame(a: ApplicationInstance, b: ApplicationInstance): boolean {
  if (a === b) return true;
  return (
    a.timestampMs === b.timestampMs &&
    a.health === b.health &&
    a.weight === b.weight &&
    a.locality?.region === b.locality?.region &&
    a.locality?.zone === b.locality?.zone &&
    a.locality?.subzone === b.locality?.subzone &&
    a.endpoints.dubbo === b.endpoints.dubbo &&
    a.endpoints.tri === b.endpoints.tri &&
    a.endpoints.rest === b.endpoints.rest &&
    sameMetadata(a.metadata, b.metadata)
  );
}
