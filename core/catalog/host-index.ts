import type { Service } from '../model/index.js';
import type { Contribution } from './merge.js';

interface Entry {
  readonly hosts: readonly string[];
  readonly service: Service;
}

/** Which services of which sources claim which hosts. Keys of the inner maps are the services' names. */
export class HostIndex {
  /** source → service name → its hosts. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  /** host → source → service name → service. */
  readonly #byHost = new Map<string, Map<string, Map<string, Service>>>();
  readonly #sourceOrder: readonly string[];

  constructor(sourceOrder: readonly string[]) {
    this.#sourceOrder = sourceOrder;
    for (const source of sourceOrder) this.#entries.set(source, new Map());
  }

  /** Puts a service under `hosts`, which may be none. @returns the hosts that are touched: the old and the new ones */
  set(source: string, name: string, service: Service | undefined, hosts: readonly string[]): readonly string[] {
    const entries = this.#entries.get(source);
    if (!entries) throw new Error(`unknown source ${source}`);
    const before = entries.get(name);
    for (const host of before?.hosts ?? []) this.#take(host, source, name);
    if (service === undefined || hosts.length === 0) {
      entries.delete(name);
      return before?.hosts ?? [];
    }
    entries.set(name, { hosts, service });
    for (const host of hosts) this.#put(host, source, name, service);
    return before ? [...new Set([...before.hosts, ...hosts])] : hosts;
  }

  /**
   * Who claims `host`, in the configured order of sources; of several of one source, those that are written as the host
   * is come first, then by name: a name that DNS does not have can't take the host of one that it has.
   */
  claims(host: string): readonly Contribution[] {
    const bySource = this.#byHost.get(host);
    if (!bySource) return [];
    return this.#sourceOrder.flatMap((source) => {
      const services = [...(bySource.get(source)?.values() ?? [])];
      if (services.length > 1) services.sort((a, b) => rank(a, host) - rank(b, host) || (a.name < b.name ? -1 : 1));
      return services.map((service) => ({ source, service }));
    });
  }

  #put(host: string, source: string, name: string, service: Service): void {
    const bySource = this.#byHost.get(host) ?? new Map<string, Map<string, Service>>();
    const services = bySource.get(source) ?? new Map<string, Service>();
    services.set(name, service);
    bySource.set(source, services);
    this.#byHost.set(host, bySource);
  }

  #take(host: string, source: string, name: string): void {
    const bySource = this.#byHost.get(host);
    const services = bySource?.get(source);
    services?.delete(name);
    if (services?.size === 0) bySource?.delete(source);
    if (bySource?.size === 0) this.#byHost.delete(host);
  }
}

/** How far a service's attributes are from what stands in its host: 0 for each that stands there, 1 but for its case, else 2. */
function rank({ attributes }: Service, host: string): number {
  const values = Object.values(attributes).filter((value) => value !== '');
  return values.reduce((sum, value) => {
    if (host.includes(value)) return sum;
    return sum + (host.includes(value.toLowerCase()) ? 1 : 2);
  }, 0);
}
