import { type Instance, type Rejection, type Service, sameService } from '../model/index.js';

/**
 * What one source published last, service by service, in canonical form: instances sorted by id, ids unique.
 * Keeps the names that changed since the reader took them; a storm of changes of one service is one name.
 */
export class SourceTable {
  readonly #services = new Map<string, Service>();
  #changed = new Set<string>();
  /** What was restored, and not published since. */
  readonly #restored = new Set<string>();
  readonly #onChange: () => void;
  #instances = 0;
  #rejected = 0;

  /** @param onChange called when the first name becomes changed after {@link takeChanged} */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get services(): ReadonlyMap<string, Service> {
    return this.#services;
  }

  /** Instances of all services. */
  get instanceCount(): number {
    return this.#instances;
  }

  /** Records left out of all services. */
  get rejectedCount(): number {
    return this.#rejected;
  }

  /** Services of before a restart, as if the source had published them; what it has published already stays. */
  restore(services: Iterable<Service>): void {
    for (const service of services) {
      if (this.#services.has(service.name)) continue;
      this.upsert(service);
      this.#restored.add(service.name);
    }
  }

  /** Whether a service is of before a restart, and the source has not said yet that it still is so. */
  isRestored(name: string): boolean {
    return this.#restored.has(name);
  }

  replaceAll(services: Iterable<Service>): void {
    const kept = new Set<string>();
    for (const service of services) {
      kept.add(service.name);
      this.upsert(service);
    }
    for (const name of this.#services.keys()) {
      if (!kept.has(name)) this.remove(name);
    }
  }

  upsert(service: Service): void {
    const canonical = canonicalService(service);
    const known = this.#services.get(service.name);
    this.#restored.delete(service.name);
    this.#count(known, -1);
    this.#count(canonical, 1);
    if (known !== undefined && sameService(known, canonical)) {
      // The known one is what the catalog holds: another copy would double the memory with each new listing.
      this.#services.set(service.name, withNotes(known, canonical));
    } else {
      this.#services.set(service.name, canonical);
      this.#mark(service.name);
    }
  }

  remove(name: string): void {
    const known = this.#services.get(name);
    if (known === undefined) return;
    this.#count(known, -1);
    this.#restored.delete(name);
    this.#services.delete(name);
    this.#mark(name);
  }

  /** Names whose service is new, different or gone since the last call. */
  takeChanged(): ReadonlySet<string> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  #mark(name: string): void {
    this.#changed.add(name);
    if (this.#changed.size === 1) this.#onChange();
  }

  #count(service: Service | undefined, sign: 1 | -1): void {
    if (service === undefined) return;
    this.#instances += sign * service.instances.length;
    this.#rejected += sign * (service.rejected?.length ?? 0);
  }
}

/** `service` with what is a matter of status alone as `newer` has it. */
function withNotes(service: Service, { rejected = [], rules = [] }: Service): Service {
  const isBare = !service.rejected?.length && !service.rules?.length;
  if (isBare && rejected.length === 0 && rules.length === 0) return service;
  return { ...service, rejected, rules };
}

/** The same service with its instances in order; the very same object when it already is. */
function canonicalService(service: Service): Service {
  if (isStrictlySorted(service.instances)) return service;
  const sorted = [...service.instances].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const instances: Instance[] = [];
  const rejected: Rejection[] = [...(service.rejected ?? [])];
  for (const instance of sorted) {
    if (instances.at(-1)?.id === instance.id) {
      rejected.push({ record: instance.id, reason: 'another instance of the service has this id' });
    } else {
      instances.push(instance);
    }
  }
  return { ...service, instances, rejected };
}

function isStrictlySorted(instances: readonly Instance[]): boolean {
  for (let index = 1; index < instances.length; index++) {
    const before = instances[index - 1];
    const here = instances[index];
    if (before && here && before.id >= here.id) return false;
  }
  return true;
}
