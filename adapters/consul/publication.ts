import type { Service, SourceOutput } from '../../core/plugin/index.js';
import type { Published } from './published.js';

/** A datacenter as it is published. */
export interface PublishedDatacenter {
  /** Scope of its failures; undefined for the only one, which is the whole source. */
  readonly scope: string | undefined;
  readonly published: Published;
}

/**
 * - `listing`: a datacenter was neither listed nor has it failed; nothing is published
 * - `partial`: one cannot be listed; of the others each service is published, with no claim that they are all there are
 * - `complete`: each was listed, all of it was published at once, and each change is since
 */
type Phase = 'listing' | 'partial' | 'complete';

/** One run's output, for all datacenters together: one that is away holds up itself alone. */
export class Publication {
  readonly #out: SourceOutput;
  #phase: Phase = 'listing';
  readonly #unlisted: Set<PublishedDatacenter>;
  readonly #untried: Set<PublishedDatacenter>;
  readonly #datacenters: readonly PublishedDatacenter[];
  /** What is degraded now, by datacenter and scope; the scope undefined is the source as a whole. */
  readonly #degraded = new Map<PublishedDatacenter, Map<string | undefined, Error>>();

  constructor(out: SourceOutput, datacenters: readonly PublishedDatacenter[]) {
    this.#out = out;
    this.#datacenters = datacenters;
    this.#unlisted = new Set(datacenters);
    this.#untried = new Set(datacenters);
    for (const datacenter of datacenters) this.#degraded.set(datacenter, new Map());
  }

  /**
   * A datacenter was listed anew.
   * @param changed what is not as it was published
   * @param failed services that could not be read, by scope
   */
  listed(datacenter: PublishedDatacenter, changed: readonly Service[], failed: ReadonlyMap<string, Error>): void {
    const isFirst = this.#unlisted.delete(datacenter);
    const completes = isFirst && this.#unlisted.size === 0;
    if (this.#phase === 'complete') this.#upsert(changed);
    else if (this.#phase === 'partial' && !completes) {
      // What was published before this run may be of any age.
      this.#upsert(isFirst ? datacenter.published.services.values() : changed);
    }
    // Before everything is published: what is over then must not be said again.
    for (const scope of [...(this.#degraded.get(datacenter)?.keys() ?? [])]) {
      if (scope === undefined || !failed.has(scope)) this.#recover(datacenter, scope);
    }
    if (completes) this.#publishAll();
    for (const [scope, reason] of failed) this.degraded(datacenter, reason, scope);
    this.#tried(datacenter);
  }

  changed(service: Service): void {
    if (this.#phase !== 'listing') this.#out.upsert(service);
  }

  removed(name: string): void {
    if (this.#phase !== 'listing') this.#out.remove(name);
  }

  /** @param scope of a service; without it, of the datacenter */
  degraded(datacenter: PublishedDatacenter, reason: Error, scope = datacenter.scope): void {
    this.#degraded.get(datacenter)?.set(scope, reason);
    this.#out.degraded(reason, scope);
    if (scope === datacenter.scope) this.#tried(datacenter);
  }

  recovered(datacenter: PublishedDatacenter, scope: string): void {
    this.#recover(datacenter, scope);
  }

  #recover(datacenter: PublishedDatacenter, scope: string | undefined): void {
    if (this.#degraded.get(datacenter)?.delete(scope)) this.#out.recovered(scope);
  }

  /** Once each datacenter was listed or has failed, what there is needs wait no longer for what there is not. */
  #tried(datacenter: PublishedDatacenter): void {
    if (!this.#untried.delete(datacenter) || this.#untried.size > 0 || this.#phase !== 'listing') return;
    this.#phase = 'partial';
    for (const listed of this.#datacenters) {
      if (!this.#unlisted.has(listed)) this.#upsert(listed.published.services.values());
    }
  }

  #upsert(services: Iterable<Service>): void {
    for (const service of services) this.#out.upsert(service);
  }

  #publishAll(): void {
    this.#phase = 'complete';
    const all: Service[] = [];
    for (const { published } of this.#datacenters) all.push(...published.services.values());
    this.#out.replaceAll(all);
    // It ended every degradation: what still holds is said again.
    for (const scopes of this.#degraded.values()) {
      for (const [scope, reason] of scopes) this.#out.degraded(reason, scope);
    }
  }
}
