import type { Service } from '../model/index.js';
import type { Catalog, CatalogService, Change, Snapshot } from './catalog.js';
import { type ChangeCause, type HostChange, registryCause } from './change-cause.js';
import { ChangeFeed } from './change-feed.js';
import { sameCatalogService } from './equality.js';
import { HostIndex } from './host-index.js';
import { type Contribution, type MergePolicy, mergeHost } from './merge.js';
import { hostOfTwin, type Naming } from './naming.js';
import type { Readiness } from './readiness.js';

export interface LiveCatalogOptions {
  /** Names of all sources, in the configuration's order: it decides who comes first in a merge. */
  readonly sources: readonly string[];
  readonly naming: Naming;
  readonly policyOf: (host: string) => MergePolicy;
  readonly readiness: Readiness;
  /** Told of each problem when it arises. */
  readonly onProblem?: (problem: CatalogProblem) => void;
  /** Told what changed and why, before readers are; not to take long. */
  readonly onChanged?: (changes: readonly HostChange[]) => void;
}

/** Something the catalog could not do as asked, by host or by service. */
export interface CatalogProblem {
  readonly host?: string;
  readonly source?: string;
  readonly service?: string;
  readonly reason: string;
}

/** A service that a source changed: as it is now, or undefined when it is gone; and why, if not as a registry's change. */
export type SourceChange = readonly [name: string, service: Service | undefined, cause?: ChangeCause];

/** Whose change it was that touches a host. */
interface Touch {
  readonly service: string;
  readonly cause: ChangeCause;
}

type Published = Omit<HostChange, 'source' | 'service' | 'cause' | 'revision'>;

/**
 * The catalog: takes whole services of sources, names and merges them, and tells readers what differs.
 * The cost of a change is that of the hosts it touches, whatever the size of the catalog.
 */
export class LiveCatalog implements Catalog {
  readonly #options: LiveCatalogOptions;
  readonly #index: HostIndex;
  readonly #services = new Map<string, CatalogService>();
  /** Claimed host → the hosts published for it, when that is more than itself: the twins. */
  readonly #twins = new Map<string, readonly string[]>();
  readonly #clashes = new Map<string, readonly string[]>();
  readonly #unnamed = new Map<string, CatalogProblem>();
  readonly #feeds = new Set<ChangeFeed>();
  #revision = 0;
  #changedServices = 0;

  constructor(options: LiveCatalogOptions) {
    this.#options = options;
    this.#index = new HostIndex(options.sources);
  }

  /** Takes what a source changed. Readers see it as one revision. */
  apply(source: string, changes: Iterable<SourceChange>): void {
    const touched = new Map<string, Touch>();
    for (const [name, service, cause = registryCause] of changes) {
      for (const host of this.#index.set(source, name, service, this.#nameService(source, name, service))) {
        touched.set(host, { service: name, cause });
      }
    }
    const changed: Published[] = [];
    const told: HostChange[] = [];
    for (const [host, touch] of touched) {
      const before = changed.length;
      this.#settle(host, changed);
      for (const change of changed.slice(before))
        told.push({ ...change, ...touch, source, revision: this.#revision + 1 });
    }
    if (changed.length === 0) return;
    this.#revision++;
    this.#changedServices += changed.length;
    this.#options.onChanged?.(told);
    const hosts = changed.map(({ host }) => host);
    for (const feed of this.#feeds) feed.add(hosts);
  }

  get isReady(): boolean {
    return this.#options.readiness.isReady;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#options.readiness.wait(signal);
  }

  snapshot(): Snapshot {
    return { revision: this.#revision, services: this.isReady ? this.#services : new Map() };
  }

  /** A host as it is now, ready or not. */
  published(host: string): CatalogService | undefined {
    return this.#services.get(host);
  }

  /** Of this process; grows with each change. */
  get revision(): number {
    return this.#revision;
  }

  /** Hosts, ready or not. */
  get size(): number {
    return this.#services.size;
  }

  /** Changes of single hosts since the start. */
  get changedServices(): number {
    return this.#changedServices;
  }

  /** What is wrong now: clashes of a merge, services that no host can be made for. */
  problems(): readonly CatalogProblem[] {
    const clashes = [...this.#clashes].flatMap(([host, reasons]) => reasons.map((reason) => ({ host, reason })));
    return [...clashes, ...this.#unnamed.values()];
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Change> {
    try {
      await this.ready(signal);
    } catch {
      return; // aborted: a watch ends, it does not fail
    }
    const feed = new ChangeFeed();
    this.#feeds.add(feed);
    try {
      yield { revision: this.#revision, reset: true, upserts: [...this.#services.values()], removes: [] };
      for await (const hosts of feed.batches(signal)) yield this.#changeOf(hosts);
    } finally {
      this.#feeds.delete(feed);
    }
  }

  #changeOf(hosts: ReadonlySet<string>): Change {
    const upserts: CatalogService[] = [];
    const removes: string[] = [];
    for (const host of hosts) {
      const service = this.#services.get(host);
      if (service) upserts.push(service);
      else removes.push(host);
    }
    return { revision: this.#revision, reset: false, upserts, removes };
  }

  #nameService(source: string, name: string, service: Service | undefined): readonly string[] {
    const key = `${source}/${name}`;
    const known = this.#unnamed.get(key);
    this.#unnamed.delete(key);
    if (service === undefined) return [];
    const { hosts, reasons } = this.#options.naming.hostsOf(source, service);
    if (reasons.length === 0) return hosts;
    const problem = { source, service: name, reason: reasons.join('; ') };
    if (known?.reason !== problem.reason) this.#options.onProblem?.(problem);
    this.#unnamed.set(key, problem);
    return hosts;
  }

  /** Publishes what is claimed for `host` now, and adds the hosts whose service differs to `changed`. */
  #settle(host: string, changed: Published[]): void {
    const { first, twins } = splitTwins(this.#index.claims(host));
    const published = new Map<string, CatalogService>();
    const clashes: string[] = [];
    if (first.length > 0) {
      const merged = mergeHost(host, first, this.#options.policyOf(host));
      published.set(host, merged.service);
      clashes.push(...merged.clashes);
    }
    // Two sources may have twins of one name: those are merged as their common host is.
    const byTwinHost = new Map<string, Contribution[]>();
    for (const twin of twins) {
      const other = hostOfTwin(host, twin.service.name);
      byTwinHost.set(other, [...(byTwinHost.get(other) ?? []), twin]);
      clashes.push(`${twin.source} has ${twin.service.name} under this host too; it is published as ${other}`);
    }
    for (const [other, claims] of byTwinHost) {
      const merged = mergeHost(other, claims, this.#options.policyOf(host));
      published.set(other, merged.service);
      clashes.push(...merged.clashes);
    }
    this.#noteClashes(host, clashes);
    for (const old of this.#twins.get(host) ?? []) {
      if (!published.has(old)) this.#publish(old, undefined, changed);
    }
    if (twins.length > 0)
      this.#twins.set(
        host,
        [...published.keys()].filter((name) => name !== host),
      );
    else this.#twins.delete(host);
    if (!published.has(host)) this.#publish(host, undefined, changed);
    for (const [name, service] of published) this.#publish(name, service, changed);
  }

  #noteClashes(host: string, clashes: readonly string[]): void {
    const known = this.#clashes.get(host) ?? [];
    for (const reason of clashes) if (!known.includes(reason)) this.#options.onProblem?.({ host, reason });
    if (clashes.length > 0) this.#clashes.set(host, clashes);
    else this.#clashes.delete(host);
  }

  #publish(host: string, service: CatalogService | undefined, changed: Published[]): void {
    const known = this.#services.get(host);
    if (service === undefined) {
      if (known === undefined) return;
      this.#services.delete(host);
      changed.push({ host, before: known });
    } else if (known === undefined || !sameCatalogService(known, service)) {
      this.#services.set(host, service);
      changed.push({ host, ...(known === undefined ? {} : { before: known }), after: service });
    }
  }
}

/** Of several services of one source that claim a host, the one with the lowest name has it; the rest are twins. */
function splitTwins(claims: readonly Contribution[]): { first: Contribution[]; twins: Contribution[] } {
  const first: Contribution[] = [];
  const twins: Contribution[] = [];
  for (const claim of claims) (first.at(-1)?.source === claim.source ? twins : first).push(claim);
  return { first, twins };
}
