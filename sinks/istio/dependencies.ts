import type { Change } from '../../core/catalog/catalog.js';
import { DueQueue } from './due-queue.js';

/** One application's dependency on a host, for the disk. */
export interface StoredDependency {
  readonly application: string;
  readonly host: string;
  /** Milliseconds since the epoch; absent: it was declared when this was written. */
  readonly vanishedMs?: number;
}

export interface DependenciesOptions {
  /** How long a dependency that is declared no more goes on counting. */
  readonly trimAfterMs: number;
  /** How long after the first of its declarations was seen an application is known: until then some are still to come. */
  readonly settleMs: number;
  readonly now: () => number;
}

/** Dependencies that are remembered though nobody declares them; past that the oldest go before their time. */
const maxVanished = 200_000;
const separator = '\u0000';

/**
 * Which hosts each application depends on: what it declares in the registries to consume, joined with the hosts under which
 * the catalog has that. What is declared no more, or is not in the catalog any more, goes on counting for a time: a registry
 * that forgets a consumer for a while must not cut it off.
 */
export class Dependencies {
  readonly #options: DependenciesOptions;
  /** Source and service → who declares to consume it. */
  readonly #applicationsOf = new Map<string, ReadonlySet<string>>();
  /** Source and service → the hosts it has, and the reverse. */
  readonly #hostsOf = new Map<string, ReadonlySet<string>>();
  readonly #servicesOf = new Map<string, ReadonlySet<string>>();
  /** Application → host → by how many services of registries it depends on it now. */
  readonly #declared = new Map<string, Map<string, number>>();
  readonly #vanished: DueQueue;
  /** Application → hosts in {@link #vanished}. */
  readonly #vanishedOf = new Map<string, Set<string>>();
  readonly #settling: DueQueue;
  readonly #known = new Set<string>();

  constructor(options: DependenciesOptions) {
    this.#options = options;
    this.#vanished = new DueQueue(options.trimAfterMs);
    this.#settling = new DueQueue(options.settleMs);
  }

  /** Applications of which it is known what they depend on. */
  get known(): ReadonlySet<string> {
    return this.#known;
  }

  /** Dependencies that nobody declares any more. */
  get vanishedCount(): number {
    return this.#vanished.size;
  }

  /** When {@link expire} has something to do next; undefined: not at all. */
  get nextMs(): number | undefined {
    if (this.#vanished.size > maxVanished) return 0;
    const times = [this.#vanished.nextMs, this.#settling.nextMs].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Sorted; empty for an application that is not known. */
  hostsOf(application: string): readonly string[] {
    if (!this.#known.has(application)) return [];
    const declared = this.#declared.get(application)?.keys() ?? [];
    return [...new Set([...declared, ...(this.#vanishedOf.get(application) ?? [])])].sort();
  }

  /** What an earlier process knew: it counts as declared until it is trimmed or declared again. To be called first. */
  restore(stored: readonly StoredDependency[]): void {
    const nowMs = this.#options.now();
    const at = (vanishedMs: number | undefined) => Math.min(vanishedMs ?? nowMs, nowMs);
    const ordered = [...stored].sort((a, b) => at(a.vanishedMs) - at(b.vanishedMs));
    for (const { application, host, vanishedMs } of ordered) {
      this.#known.add(application);
      this.#vanish(application, host, at(vanishedMs));
    }
  }

  *stored(): Generator<StoredDependency> {
    for (const [application, hosts] of this.#declared) {
      if (!this.#known.has(application)) continue;
      for (const host of hosts.keys()) yield { application, host };
    }
    for (const [application, hosts] of this.#vanishedOf) {
      for (const host of hosts) {
        const vanishedMs = this.#vanished.since(keyOf(application, host));
        yield { application, host, ...(vanishedMs === undefined ? {} : { vanishedMs }) };
      }
    }
  }

  /** Who declares to consume a service, whole. @returns applications whose dependencies differ */
  declare(source: string, service: string, applications: ReadonlySet<string>): ReadonlySet<string> {
    const key = keyOf(source, service);
    const before = this.#applicationsOf.get(key);
    if (applications.size === 0) this.#applicationsOf.delete(key);
    else this.#applicationsOf.set(key, applications);
    const changed = new Set<string>();
    const hosts = this.#hostsOf.get(key);
    if (hosts) this.#move({ applications: before, hosts }, { applications, hosts }, changed);
    return changed;
  }

  /** Which hosts services have. @returns applications whose dependencies differ */
  apply(change: Change): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const { host, origins } of change.upserts) {
      this.#setServices(host, new Set(origins.map(({ source, service }) => keyOf(source, service))), changed);
    }
    for (const host of change.removes) this.#setServices(host, new Set(), changed);
    return changed;
  }

  /** Lets go of what has been gone for long enough, and takes in who is known by now. @returns applications that differ */
  expire(): ReadonlySet<string> {
    const nowMs = this.#options.now();
    const changed = new Set<string>();
    for (const key of [...this.#vanished.take(nowMs), ...this.#vanished.takeOver(maxVanished)])
      changed.add(this.#trim(key));
    for (const application of this.#settling.take(nowMs)) {
      if (!this.#declared.has(application)) continue;
      this.#known.add(application);
      changed.add(application);
    }
    return changed;
  }

  #setServices(host: string, services: ReadonlySet<string>, changed: Set<string>): void {
    const before = this.#servicesOf.get(host) ?? new Set();
    if (services.size === 0) this.#servicesOf.delete(host);
    else this.#servicesOf.set(host, services);
    for (const key of new Set([...before, ...services])) {
      if (before.has(key) === services.has(key)) continue;
      const hosts = this.#hostsOf.get(key) ?? new Set();
      const after = new Set(hosts);
      if (services.has(key)) after.add(host);
      else after.delete(host);
      if (after.size === 0) this.#hostsOf.delete(key);
      else this.#hostsOf.set(key, after);
      const applications = this.#applicationsOf.get(key);
      if (applications) this.#move({ applications, hosts }, { applications, hosts: after }, changed);
    }
  }

  /** First what is new, so that what merely changes its way is never gone. */
  #move(before: Edges, after: Edges, changed: Set<string>): void {
    const has = ({ applications, hosts }: Edges, application: string, host: string) =>
      applications?.has(application) === true && hosts.has(host);
    for (const [application, host] of pairs(after)) {
      if (!has(before, application, host) && this.#add(application, host)) changed.add(application);
    }
    for (const [application, host] of pairs(before)) if (!has(after, application, host)) this.#drop(application, host);
  }

  /** @returns whether what the application depends on differs */
  #add(application: string, host: string): boolean {
    const hosts = this.#declared.get(application) ?? new Map<string, number>();
    this.#declared.set(application, hosts);
    const count = hosts.get(host) ?? 0;
    hosts.set(host, count + 1);
    if (!this.#known.has(application)) this.#settling.add(application, this.#options.now());
    const wasThere = count > 0 || this.#forget(application, host);
    return !wasThere && this.#known.has(application);
  }

  #drop(application: string, host: string): void {
    const hosts = this.#declared.get(application);
    const count = hosts?.get(host) ?? 0;
    if (count > 1) {
      hosts?.set(host, count - 1);
      return;
    }
    hosts?.delete(host);
    if (hosts?.size === 0) this.#declared.delete(application);
    this.#vanish(application, host, this.#options.now());
  }

  #vanish(application: string, host: string, sinceMs: number): void {
    this.#vanished.add(keyOf(application, host), sinceMs);
    const hosts = this.#vanishedOf.get(application) ?? new Set();
    this.#vanishedOf.set(application, hosts.add(host));
  }

  /** @returns whether it was remembered */
  #forget(application: string, host: string): boolean {
    const wasThere = this.#vanished.delete(keyOf(application, host));
    const hosts = this.#vanishedOf.get(application);
    hosts?.delete(host);
    if (hosts?.size === 0) this.#vanishedOf.delete(application);
    return wasThere;
  }

  /** @returns the application that it was of */
  #trim(key: string): string {
    const [application = '', host = ''] = key.split(separator);
    this.#forget(application, host);
    // Nothing is known of it any more: it is as one that never declared anything.
    if (!this.#declared.has(application) && !this.#vanishedOf.has(application)) this.#known.delete(application);
    return application;
  }
}

interface Edges {
  readonly applications: ReadonlySet<string> | undefined;
  readonly hosts: ReadonlySet<string>;
}

function* pairs({ applications, hosts }: Edges): Generator<readonly [string, string]> {
  for (const application of applications ?? []) for (const host of hosts) yield [application, host];
}

function keyOf(first: string, second: string): string {
  return `${first}${separator}${second}`;
}
