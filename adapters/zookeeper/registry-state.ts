import { randomInt } from 'node:crypto';
import { matchesGlob, metadataFrom, type Service } from '../../core/plugin/index.js';
import { ApplicationTable } from '../dubbo/application-table.js';
import { EarlierProviders, type EarlierService } from '../dubbo/earlier-providers.js';
import { MappingTable } from '../dubbo/mapping-table.js';
import type { MetadataInfo } from '../dubbo/metadata-info.js';
import { ProviderReader } from '../dubbo/provider.js';
import { RuleBook, type RuleTarget } from '../dubbo/rules/rule-book.js';
import { defaultNaming, type ServiceNaming } from '../dubbo/service.js';
import { allChanges, type Changes, noChanges } from './changes.js';
import { childHash } from './child-hash.js';
import type { DubboConfig } from './config.js';
import { InstanceList } from './instance-list.js';
import { RootState, type ServiceOrigin } from './root-state.js';

/** Everything that was read of a registry, as it was read last, and the services made from it. Outlives connections. */
export class RegistryState {
  readonly roots: readonly RootState[];
  /** Which applications need not be followed; undefined where all of them are. */
  readonly mapping: MappingTable | undefined;
  readonly #table: ApplicationTable;
  readonly #applications = new Map<string, InstanceList>();
  readonly #isWantedApplication: (name: string) => boolean;
  #earlier: ReadonlyMap<string, Service> = new Map();
  /** Whether everything was read whole, once. */
  wasListed = false;

  /** @param roots paths of the root nodes, the first one's services named without it */
  constructor(roots: readonly string[], config: DubboConfig) {
    const { servicePorts, interfaces, applications } = config;
    const seed = () => randomInt(2 ** 32);
    const reader = new ProviderReader();
    this.#table = new ApplicationTable(reader);
    this.#isWantedApplication = wanted(applications);
    this.mapping = usesMapping(config) ? new MappingTable(wanted(interfaces)) : undefined;
    this.roots = roots.map(
      (path, index) =>
        new RootState({
          hash: childHash([seed(), seed()]),
          reader,
          ports: servicePorts,
          naming: index === 0 ? defaultNaming : namingBelow(path),
          rules: new RuleBook(),
          table: index === 0 ? this.#table : undefined,
          isWanted: wanted(interfaces),
        }),
    );
  }

  *services(): Generator<Service> {
    for (const root of this.roots) yield* root.services();
  }

  get serviceCount(): number {
    return this.roots.reduce((sum, root) => sum + root.serviceCount, 0);
  }

  /**
   * What an earlier process published: applications whose metadata cannot be had provide it still, as far as their
   * instances are there. Counts until everything was listed once.
   */
  adoptEarlier(services: ReadonlyMap<string, Service>): void {
    const [root] = this.roots;
    if (!root || this.wasListed) return;
    this.#earlier = new Map(services);
    const earlier: EarlierService[] = [];
    for (const service of services.values()) {
      const { interface: interfaceName = '', version = '', group = '' } = service.attributes;
      const id = { version, group };
      if (interfaceName !== '' && root.nameOf(interfaceName, id) === service.name) {
        earlier.push({ interfaceName, id, service });
      }
    }
    this.#table.earlier = new EarlierProviders(earlier);
  }

  /** A service as an earlier process published it, until everything was listed once. */
  earlier(name: string): Service | undefined {
    return this.#earlier.get(name);
  }

  /**
   * Everything was read whole. What an earlier process published and nobody provides goes, but for what an application may
   * provide whose metadata lack.
   */
  listed(): void {
    const held = this.#table.earlier?.servicesOf(...this.#table.lacking.keys()) ?? new Set();
    this.roots[0]?.forgetEarlier(new Set([...held].map(({ service }) => service.name)));
    this.wasListed = true;
    this.#earlier = new Map();
    this.#table.earlier = undefined;
  }

  /** Applications whose metadata are lacking, so that something of them may not be published yet. */
  isLacking(application: string): boolean {
    return this.#table.lacking.has(application);
  }

  get applications(): Iterable<string> {
    return this.#applications.keys();
  }

  isWantedApplication(name: string): boolean {
    return this.#isWantedApplication(name);
  }

  instances(application: string): InstanceList | undefined {
    return this.#applications.get(application);
  }

  /** The list of an application's instances, made when there is none. */
  openInstances(application: string): InstanceList {
    let list = this.#applications.get(application);
    if (list === undefined) {
      list = new InstanceList(application);
      this.#applications.set(application, list);
    }
    return list;
  }

  /** Publishes an application anew: its instances, or the metadata of their revisions, have changed. */
  updateApplication(application: string, metadata: (revision: string) => MetadataInfo | undefined): Changes {
    const instances = this.#applications.get(application)?.instances ?? [];
    const [root] = this.roots;
    const { touched, lacking } = this.#table.update(application, instances, metadata);
    // Nobody can tell whether other instances of it provide what it provided: at least it does not go.
    if (lacking.size > 0) root?.keepEarlier(application, this.#table.earlier?.servicesOf(application) ?? []);
    return root?.touch(application, touched) ?? noChanges;
  }

  /** The registry has no such application any more. */
  removeApplication(application: string): Changes {
    if (!this.#applications.delete(application)) return noChanges;
    this.#table.remove(application);
    return this.roots[0]?.applicationGone(application) ?? noChanges;
  }

  /** A rule of the config centre; undefined when it is gone. It counts in every root. */
  setRule(dataId: string, text: string | undefined): Changes {
    return allChanges(this.roots.map((root) => this.#apply(root, root.rules.setConfig(dataId, text))));
  }

  get ruleIds(): Set<string> {
    return new Set(this.roots[0]?.rules.dataIds ?? []);
  }

  origin(serviceName: string): (ServiceOrigin & { readonly root: number }) | undefined {
    for (const [root, state] of this.roots.entries()) {
      const origin = state.origin(serviceName);
      if (origin) return { ...origin, root };
    }
    return undefined;
  }

  #apply(root: RootState, target: RuleTarget | undefined): Changes {
    if (target === undefined) return noChanges;
    return target.kind === 'interface'
      ? root.compute(target.interfaceName)
      : root.computeApplication(target.application);
  }
}

/** What an application provides matters before it is followed only where some interfaces are left out. */
function usesMapping({ mapping, discovery, interfaces: { include, exclude } }: DubboConfig): boolean {
  return mapping && discovery !== 'interface' && (include !== undefined || exclude.length > 0);
}

function wanted({ include, exclude }: DubboConfig['interfaces']): (name: string) => boolean {
  const matches = (globs: readonly string[], name: string) => globs.some((glob) => matchesGlob(glob, name));
  return (name) => (include === undefined || matches(include, name)) && !matches(exclude, name);
}

/** No interface's name has a slash, so that no name of another root's service is one of these. */
function namingBelow(root: string): ServiceNaming {
  return {
    name: (interfaceName, id) => `${root}/${defaultNaming.name(interfaceName, id)}`,
    attributes: (interfaceName, id, application) =>
      metadataFrom([
        ...Object.entries(defaultNaming.attributes(interfaceName, id, application)),
        ['root', root.slice(1)],
      ]),
  };
}
