import { defaultWeight, type Instance, printable, sameMetadata } from '../../core/plugin/index.js';
import { type ApplicationInstance, instanceKey, noRevision } from './application-instance.js';
import type { MetadataInfo, ServiceInfo } from './metadata-info.js';
import { providerProtocol } from './protocols.js';
import type { Outcome, Provider, ProviderReader, RejectedProvider } from './provider.js';

/** What an instance provides; see {@link Outcome}. */
export type Provided = Provider | RejectedProvider;

interface Known {
  readonly instance: ApplicationInstance;
  /** Of its revision, or of the one before as long as its own is not known. */
  readonly info: MetadataInfo;
  readonly provided: readonly Provided[];
}

/** What changed with an update. */
export interface ApplicationChange {
  /** Interfaces whose providers are not the same as before. */
  readonly touched: ReadonlySet<string>;
  /** Revisions that instances announce and no metadata is known of. */
  readonly lacking: ReadonlySet<string>;
}

const maxWeight = 1_000_000;
/** Dubbo's own, which it exports beside what the application provides. */
const ownService = /^org\.apache\.dubbo\.metadata\.MetadataService/;

/**
 * One application's instances and what each of them provides, by interface: the instance says where, the metadata of its
 * revision say what. Does no I/O. An instance whose revision is not known yet keeps what it provided before; one that was
 * never known provides nothing, and its revision is told as lacking.
 */
export class ApplicationDirectory {
  readonly #application: string;
  readonly #reader: ProviderReader;
  #known = new Map<string, Known>();
  #byInterface = new Map<string, Provided[]>();

  constructor(application: string, reader: ProviderReader) {
    this.#application = application;
    this.#reader = reader;
  }

  get interfaces(): Iterable<string> {
    return this.#byInterface.keys();
  }

  providedOf(interfaceName: string): readonly Provided[] {
    return this.#byInterface.get(interfaceName) ?? [];
  }

  /**
   * @param instances the complete list; who is not among them is gone
   * @param metadata the metadata of a revision of this application, as far as they are known by now; what an instance was
   *   read with before is still known here
   */
  update(
    instances: readonly ApplicationInstance[],
    metadata: (revision: string) => MetadataInfo | undefined,
  ): ApplicationChange {
    const before = this.#known;
    const known = new Map<string, Known>();
    const lacking = new Set<string>();
    const byRevision = new Map([...before.values()].map(({ info }) => [info.revision, info]));
    for (const instance of instances) {
      if (instance.revision === noRevision) continue;
      const key = instanceKey(instance);
      const last = before.get(key);
      const own = metadata(instance.revision) ?? byRevision.get(instance.revision);
      if (own === undefined) lacking.add(instance.revision);
      const info = own ?? last?.info;
      if (info === undefined) continue;
      const isSame = last !== undefined && last.info === info && sayTheSame(last.instance, instance);
      known.set(key, isSame ? last : { instance, info, provided: this.#provided(instance, info) });
    }
    this.#known = known;
    return { touched: this.#index(known), lacking };
  }

  #index(known: ReadonlyMap<string, Known>): Set<string> {
    const before = this.#byInterface;
    const after = new Map<string, Provided[]>();
    for (const { provided } of known.values()) {
      for (const one of provided) {
        const list = after.get(one.interfaceName);
        if (list) list.push(one);
        else after.set(one.interfaceName, [one]);
      }
    }
    this.#byInterface = after;
    const touched = new Set<string>();
    for (const [name, list] of after) {
      const last = before.get(name);
      if (last?.length !== list.length || !list.every((one, index) => one === last[index])) touched.add(name);
    }
    for (const name of before.keys()) if (!after.has(name)) touched.add(name);
    return touched;
  }

  #provided(instance: ApplicationInstance, info: MetadataInfo): Provided[] {
    const provided: Provided[] = [];
    for (const service of info.services) {
      if (ownService.test(service.interfaceName) || isExtra(service)) continue;
      const outcome = this.#read(instance, service);
      if (outcome.kind === 'provider') provided.push(withRegistrysWord(outcome, instance));
      else if (outcome.kind === 'rejected') provided.push(outcome);
    }
    return provided;
  }

  #read(instance: ApplicationInstance, service: ServiceInfo): Outcome {
    const { interfaceName, group, version, protocol, path, params } = service;
    const entries: (readonly [string, string])[] = [
      ['interface', interfaceName],
      ['group', group],
      ['version', version],
      ['application', this.#application],
    ];
    const seen = new Set(entries.map(([key]) => key));
    for (const entry of [...params, ...Object.entries(instance.metadata)]) {
      if (seen.has(entry[0])) continue;
      seen.add(entry[0]);
      entries.push(entry);
    }
    const known = providerProtocol(protocol);
    return this.#reader.readRecord({
      interfaceName,
      protocol,
      host: instance.address,
      port: service.port ?? (known && instance.endpoints[known]) ?? instance.port,
      path,
      parameters: this.#reader.parameters.of(entries, instance.timestampMs),
      shown: () => printable(`${this.#application}/${instanceKey(instance)} ${protocol} ${interfaceName}`),
    });
  }
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
