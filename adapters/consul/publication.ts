import type { Service, SourceOutput } from '../../core/plugin/index.js';
import type { Published } from './published.js';

/** A datacenter as it is published. */
export interface PublishedDatacenter {
  /** Scope of its failures; undefined for the only one, which is the whole source. */
  readonly scope: string | undefined;
  readonly published: Published;
}

/**
 * One run's output, for all datacenters together: nothing before each of them was listed, all of it then at once, and
 * single services from then on.
 */
export class Publication {
  readonly #out: SourceOutput;
  readonly #unlisted: Set<PublishedDatacenter>;
  readonly #datacenters: readonly PublishedDatacenter[];
  /** What is degraded now, by datacenter and scope; the scope undefined is the source as a whole. */
  readonly #degraded = new Map<PublishedDatacenter, Map<string | undefined, Error>>();

  constructor(out: SourceOutput, datacenters: readonly PublishedDatacenter[]) {
    this.#out = out;
    this.#datacenters = datacenters;
    this.#unlisted = new Set(datacenters);
    for (const datacenter of datacenters) this.#degraded.set(datacenter, new Map());
  }

  /**
   * A datacenter was listed anew.
   * @param changed what is not as it was published
   * @param failed services that could not be read, by scope
   */
  listed(datacenter: PublishedDatacenter, changed: readonly Service[], failed: ReadonlyMap<string, Error>): void {
    const wasFirst = this.#unlisted.size > 0;
    this.#unlisted.delete(datacenter);
    if (!wasFirst) for (const service of changed) this.#out.upsert(service);
    // Before everything is published: what is over then must not be said again.
    for (const scope of [...(this.#degraded.get(datacenter)?.keys() ?? [])]) {
      if (scope === undefined || !failed.has(scope)) this.#recover(datacenter, scope);
    }
    if (wasFirst && this.#unlisted.size === 0) this.#publishAll();
    for (const [scope, reason] of failed) this.degraded(datacenter, reason, scope);
  }

  changed(service: Service): void {
    if (this.#unlisted.size === 0) this.#out.upsert(service);
  }

  removed(name: string): void {
    if (this.#unlisted.size === 0) this.#out.remove(name);
  }

  /** @param scope of a service; without it, of the datacenter */
  degraded(datacenter: PublishedDatacenter, reason: Error, scope = datacenter.scope): void {
    this.#degraded.get(datacenter)?.set(scope, reason);
    this.#out.degraded(reason, scope);
  }

  recovered(datacenter: PublishedDatacenter, scope: string): void {
    this.#recover(datacenter, scope);
  }

  #recover(datacenter: PublishedDatacenter, scope: string | undefined): void {
    if (this.#degraded.get(datacenter)?.delete(scope)) this.#out.recovered(scope);
  }

  #publishAll(): void {
    const all: Service[] = [];
    for (const { published } of this.#datacenters) all.push(...published.services.values());
    this.#out.replaceAll(all);
    // It ended every degradation: what still holds is said again.
    for (const scopes of this.#degraded.values()) {
      for (const [scope, reason] of scopes) this.#out.degraded(reason, scope);
    }
  }
}
