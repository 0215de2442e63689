import type { Rejection, Service } from '../../core/plugin/index.js';
import { RecentParameters } from '../dubbo/parameters.js';
import type { Outcome, Provider, ProviderReader, ServiceId } from '../dubbo/provider.js';
import { emptied, type ServicePorts, serviceFrom, serviceName } from '../dubbo/service.js';
import type { ChildHash } from './child-hash.js';

/** What all directories of a tree use. */
export interface DirectoryTools {
  readonly hash: ChildHash;
  readonly reader: ProviderReader;
  readonly ports: ServicePorts;
}

/** Services that one reading changed. */
export interface Changes {
  readonly changed: readonly Service[];
  /** Names of services that are gone. */
  readonly removed: readonly string[];
}

export const noChanges: Changes = { changed: [], removed: [] };

const unnamed: ServiceId = { version: '', group: '' };
/** Services without instances that are remembered in one directory. A version of its own for each release makes many. */
const maxEmptyServices = 64;

/**
 * What one interface's `providers` node held when it was read last, and the services made from it. Reading it again
 * decodes only the children that are new, and keeps the very objects of all that did not change.
 */
export class InterfaceDirectory {
  readonly #interfaceName: string;
  readonly #tools: DirectoryTools;
  #outcomes = new Map<number, Outcome>();
  /** By name, the ones emptied longest ago first. */
  readonly #services = new Map<string, Service>();

  constructor(interfaceName: string, tools: DirectoryTools) {
    this.#interfaceName = interfaceName;
    this.#tools = tools;
  }

  get services(): Iterable<Service> {
    return this.#services.values();
  }

  get serviceNames(): string[] {
    return [...this.#services.keys()];
  }

  /** Takes the complete list of children. A service that has none left stays, empty. */
  update(childNames: readonly string[]): Changes {
    if (!this.#updateOutcomes(childNames)) return noChanges;
    const changed: Service[] = [];
    const seen = new Set<string>();
    for (const [name, records] of this.#records()) {
      seen.add(name);
      const previous = this.#services.get(name);
      const service = serviceFrom(records, this.#tools.ports, previous);
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
    return { changed, removed: this.#forgetOldest(seen) };
  }

  /** @returns whether anything came or went */
  #updateOutcomes(childNames: readonly string[]): boolean {
    const { hash, reader } = this.#tools;
    const before = this.#outcomes;
    const after = new Map<number, Outcome>();
    const recent = new RecentParameters();
    let news = 0;
    for (const childName of childNames) {
      const key = hash(childName);
      let outcome = before.get(key);
      if (outcome === undefined) {
        news++;
        outcome = reader.read(this.#interfaceName, childName, recent);
      }
      after.set(key, outcome);
    }
    this.#outcomes = after;
    return news > 0 || after.size !== before.size;
  }

  #records() {
    const byName = new Map<
      string,
      { interfaceName: string; id: ServiceId; providers: Provider[]; rejected: Rejection[] }
    >();
    const recordsOf = (id: ServiceId) => {
      const name = serviceName(this.#interfaceName, id);
      let records = byName.get(name);
      if (records === undefined) {
        records = { interfaceName: this.#interfaceName, id, providers: [], rejected: [] };
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
