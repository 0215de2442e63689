import { type Instance, metadataFrom, type Rejection, type Service } from '../../core/plugin/index.js';
import { mergeModes } from '../dubbo/merge-modes.js';
import { RecentParameters } from '../dubbo/parameters.js';
import type { Outcome, Provider, ProviderReader, ServiceId } from '../dubbo/provider.js';
import type { RuleBook } from '../dubbo/rules/rule-book.js';
import { emptied, type ServiceNaming, type ServicePorts, type ServiceRecords, serviceFrom } from '../dubbo/service.js';
import { Breather } from './breather.js';
import { type Changes, noChanges } from './changes.js';
import type { ChildHash } from './child-hash.js';

/** What all directories of one root use. */
export interface DirectoryTools {
  readonly hash: ChildHash;
  readonly reader: ProviderReader;
  readonly ports: ServicePorts;
  readonly naming: ServiceNaming;
  readonly rules: RuleBook;
}

const unnamed: ServiceId = { version: '', group: '' };
/** Services without instances that are remembered in one directory. A version of its own for each release makes many. */
const maxEmptyServices = 64;

/**
 * What one interface's `providers` node held when it was read last, and the services made from that, from what
 * applications provide, and from the rules. Reading it again decodes only the children that are new, and keeps the very
 * objects of all that did not change.
 */
export class InterfaceDirectory {
  readonly interfaceName: string;
  /** Name of its znode, as long as there is one. */
  node: string | undefined;
  /** Applications in the registry that have provided it. */
  readonly applications = new Set<string>();
  readonly #tools: DirectoryTools;
  #outcomes = new Map<number, Outcome>();
  /** Children of which it is not known whether they end with their provider's session. */
  #unchecked = new Set<number>();
  /** Children whose nodes outlive their providers. */
  #lasting = new Set<number>();
  #byInterface: ReadonlyMap<string, ServiceRecords> = new Map();
  /** By name, the ones emptied longest ago first. */
  readonly #services = new Map<string, Service>();

  constructor(interfaceName: string, tools: DirectoryTools) {
    this.interfaceName = interfaceName;
    this.#tools = tools;
  }

  get services(): Iterable<Service> {
    return this.#services.values();
  }

  get serviceNames(): string[] {
    return [...this.#services.keys()];
  }

  /** Whether anything provides it, be it by interface or by application. */
  isProvidedBy(application: string): boolean {
    if (this.applications.has(application)) return true;
    for (const outcome of this.#outcomes.values()) {
      if (outcome.kind === 'provider' && outcome.application === application) return true;
    }
    return false;
  }

  /**
   * Takes the complete list of children; {@link compute} makes the services of it. Gives the event loop its turns.
   * @returns whether anything came or went
   */
  async take(childNames: readonly string[], signal: AbortSignal): Promise<boolean> {
    const { hash, reader } = this.#tools;
    const before = this.#outcomes;
    const after = new Map<number, Outcome>();
    const unchecked = new Set<number>();
    const recent = new RecentParameters();
    const breather = new Breather();
    let news = 0;
    for (const childName of childNames) {
      if (breather.isDue) await breather.breathe(signal);
      const key = hash(childName);
      let outcome = before.get(key);
      if (outcome === undefined) {
        news++;
        outcome = reader.read(this.interfaceName, childName, recent);
      }
      if (outcome.kind === 'provider' && (!before.has(key) || this.#unchecked.has(key))) unchecked.add(key);
      after.set(key, outcome);
    }
    // Cleared while this took its breath: what was listed is gone.
    if (this.#outcomes !== before) return false;
    // Children may have been checked meanwhile.
    for (const key of unchecked) if (before.has(key) && !this.#unchecked.has(key)) unchecked.delete(key);
    this.#unchecked = unchecked;
    for (const key of this.#lasting) {
      const outcome = before.get(key);
      if (outcome && after.has(key)) after.set(key, outcome);
      else this.#lasting.delete(key);
    }
    if (news === 0 && after.size === before.size) return false;
    this.#outcomes = after;
    this.#byInterface = this.#group();
    return true;
  }

  /** Children, among those named, of which it is to be found out whether they are ephemeral. */
  unchecked(childNames: readonly string[]): string[] {
    if (this.#unchecked.size === 0) return [];
    return childNames.filter((name) => this.#unchecked.has(this.#tools.hash(name)));
  }

  /** Instances whose nodes outlive their providers though they do not say so. */
  get lasting(): readonly Instance[] {
    const instances: Instance[] = [];
    for (const key of this.#lasting) {
      const outcome = this.#outcomes.get(key);
      if (outcome?.kind === 'provider') instances.push(outcome.instance);
    }
    return instances;
  }

  get hasUnchecked(): boolean {
    return this.#unchecked.size > 0;
  }

  /**
   * Says of one child whether its node ends with its provider's session. One that does not is like a static provider:
   * nobody knows whether it is alive.
   * @returns whether that changes anything
   */
  checked(childName: string, isEphemeral: boolean): boolean {
    const key = this.#tools.hash(childName);
    if (!this.#unchecked.delete(key) || isEphemeral) return false;
    const outcome = this.#outcomes.get(key);
    if (outcome?.kind !== 'provider' || outcome.switches.dynamic === false) return false;
    this.#outcomes.set(key, lasting(outcome));
    this.#lasting.add(key);
    this.#byInterface = this.#group();
    return true;
  }

  /** A service that an earlier process published. @returns whether it was not known */
  keepEarlier(service: Service): boolean {
    if (this.#services.has(service.name)) return false;
    this.#services.set(service.name, service);
    return true;
  }

  /** Lets go of a service that nobody provides. */
  forget(name: string, byApplication: readonly ServiceRecords[]): void {
    const { naming } = this.#tools;
    if (this.#byInterface.has(name)) return;
    if (byApplication.some(({ id }) => naming.name(this.interfaceName, id) === name)) return;
    this.#services.delete(name);
  }

  /** Makes the services anew. One that has no provider left stays, empty. */
  compute(byApplication: readonly ServiceRecords[]): Changes {
    const { naming, ports, rules } = this.#tools;
    const applications = new Map(
      byApplication.map((records) => [naming.name(this.interfaceName, records.id), records]),
    );
    const changed: Service[] = [];
    const seen = new Set([...this.#byInterface.keys(), ...applications.keys()]);
    for (const name of seen) {
      const records = mergeModes(this.#byInterface.get(name), applications.get(name));
      if (records === undefined) continue;
      const previous = this.#services.get(name);
      const service = serviceFrom(rules.apply(records), ports, previous, naming);
      if (service === previous) continue;
      this.#services.set(name, service);
      changed.push(service);
    }
    for (const [name, service] of this.#services) {
      if (seen.has(name)) continue;
      const empty = emptied(service);
      if (empty === service) continue;
      this.#services.delete(name);
      this.#services.set(name, empty);
      changed.push(empty);
    }
    const removed = this.#forgetOldest(seen);
    return changed.length + removed.length === 0 ? noChanges : { changed, removed };
  }

  /** Its znode is gone. */
  clear(): void {
    this.node = undefined;
    this.#outcomes = new Map();
    this.#unchecked = new Set();
    this.#lasting.clear();
    this.#byInterface = new Map();
  }

  #group(): Map<string, ServiceRecords> {
    type Records = ServiceRecords & { readonly providers: Provider[]; readonly rejected: Rejection[] };
    const byName = new Map<string, Records>();
    const { interfaceName } = this;
    const recordsOf = (id: ServiceId) => {
      const name = this.#tools.naming.name(interfaceName, id);
      let records = byName.get(name);
      if (records === undefined) {
        records = { interfaceName, id, providers: [], rejected: [] };
        byName.set(name, records);
      }
      return records;
    };
    for (const outcome of this.#outcomes.values()) {
      if (outcome.kind === 'provider') recordsOf(outcome.id).providers.push(outcome);
      else if (outcome.kind === 'rejected') recordsOf(outcome.id ?? unnamed).rejected.push(outcome.rejection);
    }
    return byName;
  }

  #forgetOldest(seen: ReadonlySet<string>): string[] {
    const removed: string[] = [];
    let excess = this.#services.size - seen.size - maxEmptyServices;
    for (const name of this.#services.keys()) {
      if (excess <= 0) break;
      if (seen.has(name)) continue;
      this.#services.delete(name);
      removed.push(name);
      excess--;
    }
    return removed;
  }
}

/** Metadata of a provider whose node outlives it, in the way that ZooKeeper calls nodes. */
const lastingMark = ['ephemeral', 'false'] as const;

function lasting(provider: Provider): Provider {
  const { instance, switches } = provider;
  const health = instance.health === 'healthy' ? 'unknown' : instance.health;
  const metadata = metadataFrom([lastingMark, ...Object.entries(instance.metadata)]);
  return { ...provider, instance: { ...instance, health, metadata }, switches: { ...switches, dynamic: false } };
}
