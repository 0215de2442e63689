import type { Service } from '../model/index.js';
import type { Contribution } from './merge.js';

interface Entry {
  readonly host: string;
  readonly service: Service;
}

/** Which services of which sources claim which host. Keys of the inner maps are the services' names. */
export class HostIndex {
  /** source → service name → its host. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  /** host → source → service name → service. */
  readonly #byHost = new Map<string, Map<string, Map<string, Service>>>();
  readonly #sourceOrder: readonly string[];

  constructor(sourceOrder: readonly string[]) {
    this.#sourceOrder = sourceOrder;
    for (const source of sourceOrder) this.#entries.set(source, new Map());
  }

  /** Puts a service under `host` (or under none). @returns the hosts that are touched: the old and the new one */
  set(source: string, name: string, service: Service | undefined, host: string | undefined): readonly string[] {
    const entries = this.#entries.get(source);
    if (!entries) throw new Error(`unknown source ${source}`);
    const before = entries.get(name);
    if (before) this.#take(before.host, source, name);
    if (service === undefined || host === undefined) {
      entries.delete(name);
      return before ? [before.host] : [];
    }
    entries.set(name, { host, service });
    this.#put(host, source, name, service);
    return before && before.host !== host ? [before.host, host] : [host];
  }

  /** Who claims `host`, in the configured order of sources; several of one source are sorted by name. */
  claims(host: string): readonly Contribution[] {
    const bySource = this.#byHost.get(host);
    if (!bySource) return [];
    return this.#sourceOrder.flatMap((source) => {
      const services = [...(bySource.get(source)?.values() ?? [])];
      if (services.length > 1) services.sort((a, b) => (a.name < b.name ? -1 : 1));
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
