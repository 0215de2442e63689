import type { Service } from '../../core/plugin/index.js';

/**
 * What was published of one datacenter. A service that has no instance left is no longer in Consul's lists; it stays
 * published as an empty one for a time, since the mesh must not take a moment without instances for the end of the host.
 */
export class Published {
  readonly #services = new Map<string, Service>();
  readonly #emptySinceMs = new Map<string, number>();
  readonly #forgetEmptyAfterMs: number;

  constructor(forgetEmptyAfterMs: number) {
    this.#forgetEmptyAfterMs = forgetEmptyAfterMs;
  }

  /** By Consul's names. */
  get services(): ReadonlyMap<string, Service> {
    return this.#services;
  }

  /**
   * Takes over a complete listing. What it lacks is gone from Consul, and empty from now on.
   * @param kept names that could not be read: what was published of them stays
   * @returns the services that are not as they were published
   */
  replace(listed: ReadonlyMap<string, Service>, kept: ReadonlyMap<string, unknown>, nowMs: number): Service[] {
    const changed: Service[] = [];
    for (const [name, service] of listed) {
      if (this.#services.get(name) !== service) changed.push(service);
      this.set(name, service, nowMs);
    }
    for (const [name, service] of this.#services) {
      if (listed.has(name) || kept.has(name) || service.instances.length === 0) continue;
      const { rejected: _, ...rest } = service;
      const empty = { ...rest, instances: [] };
      changed.push(empty);
      this.set(name, empty, nowMs);
    }
    return changed;
  }

  set(name: string, service: Service, nowMs: number): void {
    this.#services.set(name, service);
    if (service.instances.length > 0) this.#emptySinceMs.delete(name);
    else if (!this.#emptySinceMs.has(name)) this.#emptySinceMs.set(name, nowMs);
  }

  /** Lets go of what has been empty for long enough. @returns the catalog's names of it */
  forget(nowMs: number): string[] {
    const gone: string[] = [];
    for (const [name, sinceMs] of this.#emptySinceMs) {
      const service = this.#services.get(name);
      // One with records that were left out is still in Consul.
      if (nowMs - sinceMs < this.#forgetEmptyAfterMs || (service?.rejected?.length ?? 0) > 0) continue;
      this.#services.delete(name);
      this.#emptySinceMs.delete(name);
      if (service) gone.push(service.name);
    }
    return gone;
  }
}
