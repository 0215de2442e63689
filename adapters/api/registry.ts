import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Health, HttpProblem, type Locality, type Port } from '../../core/plugin/index.js';
import type { ApiConfig } from './config.js';
import { withPorts } from './ports.js';
import type { InstanceRequest, ServiceRequest } from './requests.js';

/** An instance as it was registered, and as it is stored. */
export interface RegisteredInstance {
  readonly id: string;
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly weight: number;
  readonly health: Health;
  readonly locality?: Locality;
  readonly network?: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Absent: it lives until it is deleted. */
  readonly ttlSeconds?: number;
}

/** A service as it is stored; replaced as a whole with each change, so that what was made of it can be kept. */
export interface RegisteredService {
  readonly name: string;
  /** Whether its ports were declared; else they are those of its instances. */
  readonly declared: boolean;
  readonly ports: readonly Port[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly instances: ReadonlyMap<string, RegisteredInstance>;
}

export type RegistryLimits = Pick<ApiConfig, 'maxServices' | 'maxInstances' | 'maxFileBytes' | 'forgetEmptyAfterMs'>;

/** What PUT of an instance found: `same` is a heartbeat alone. */
export type PutOutcome = 'new' | 'changed' | 'same';

/** What a change did: the service is as it was, new or different, or gone. */
export type RegistryChange = { readonly kind: 'put' | 'removed'; readonly name: string };

/** The registry in memory, with its rules. Times are of the clock; a heartbeat is not stored. */
export class MemoryRegistry {
  readonly #services = new Map<string, RegisteredService>();
  readonly #expiresMs = new Map<string, Map<string, number>>();
  readonly #emptySinceMs = new Map<string, number>();
  readonly #limits: RegistryLimits;
  readonly #clock: Clock;
  readonly #encode: (service: RegisteredService) => Uint8Array;
  #instances = 0;
  #bytes = 0;

  /** @param encode gives a service's bytes in the file; asked for often, so it keeps them */
  constructor(limits: RegistryLimits, clock: Clock, encode: (service: RegisteredService) => Uint8Array) {
    this.#encode = encode;
    this.#limits = limits;
    this.#clock = clock;
  }

  get services(): ReadonlyMap<string, RegisteredService> {
    return this.#services;
  }

  get instanceCount(): number {
    return this.#instances;
  }

  /** When the instance expires, in milliseconds since the epoch; undefined: never. */
  expiresMs(service: string, id: string): number | undefined {
    return this.#expiresMs.get(service)?.get(id);
  }

  /** Takes over what was stored; each instance has a whole time to live from now on, so that its owner can come back. */
  restore(services: Iterable<RegisteredService>): void {
    for (const service of services) {
      this.#set(service);
      for (const instance of service.instances.values()) this.#renew(service.name, instance);
    }
  }

  /** @throws HttpProblem 409 for ports that the service cannot have, 507 over a limit */
  putInstance(name: string, id: string, request: InstanceRequest): PutOutcome {
    const known = this.#services.get(name);
    const before = known?.instances.get(id);
    const instance = toInstance(id, request);
    if (before && isDeepStrictEqual(before, instance)) {
      this.#renew(name, before);
      return 'same';
    }
    const names = Object.keys(request.ports);
    if (known?.declared) {
      const missing = names.filter((port) => !known.ports.some((declared) => declared.name === port));
      if (missing.length > 0) throw conflict(`service ${name} was declared without port ${missing.join(', ')}`);
    }
    const ports = known?.declared ? known.ports : withPorts(known?.ports ?? [], names);
    if ('conflict' in ports) throw conflict(ports.conflict);
    const instances = new Map(known?.instances).set(id, instance);
    const { declared = false, metadata = {} } = known ?? {};
    this.#setWithinLimits({ name, declared, ports, metadata, instances });
    this.#renew(name, instance);
    return before ? 'changed' : 'new';
  }

  /** @returns whether it was known */
  deleteInstance(name: string, id: string): boolean {
    if (!this.#services.get(name)?.instances.has(id)) return false;
    this.#deleteInstances(name, [id]);
    return true;
  }

  /** @returns whether it was known; one that has no time to live needs none */
  heartbeat(name: string, id: string): boolean {
    const instance = this.#services.get(name)?.instances.get(id);
    if (!instance) return false;
    this.#renew(name, instance);
    return true;
  }

  /** @returns whether it is new @throws HttpProblem 409 when instances have other ports, 507 over a limit */
  putService(name: string, request: ServiceRequest): boolean {
    const known = this.#services.get(name);
    const declared = new Set(request.ports.map((port) => port.name));
    for (const instance of known?.instances.values() ?? []) {
      const missing = Object.keys(instance.ports).find((port) => !declared.has(port));
      if (missing !== undefined) throw conflict(`instance ${instance.id} of service ${name} has a port ${missing}`);
    }
    this.#setWithinLimits({ name, declared: true, ...request, instances: known?.instances ?? new Map() });
    return known === undefined;
  }

  /** @returns whether it was known */
  deleteService(name: string): boolean {
    const known = this.#services.get(name);
    if (!known) return false;
    this.#count(known, -1);
    this.#services.delete(name);
    this.#expiresMs.delete(name);
    this.#emptySinceMs.delete(name);
    return true;
  }

  /** Takes out what has outlived its time: instances without a heartbeat, services that were empty for too long. */
  expire(): RegistryChange[] {
    const nowMs = this.#clock.now();
    const changes: RegistryChange[] = [];
    for (const [name, times] of this.#expiresMs) {
      const expired: string[] = [];
      for (const [id, atMs] of times) if (atMs <= nowMs) expired.push(id);
      if (expired.length === 0) continue;
      this.#deleteInstances(name, expired);
      changes.push({ kind: 'put', name });
    }
    for (const [name, sinceMs] of this.#emptySinceMs) {
      if (nowMs - sinceMs < this.#limits.forgetEmptyAfterMs) continue;
      this.deleteService(name);
      changes.push({ kind: 'removed', name });
    }
    return changes;
  }

  /** Adds time to every instance: for `ms` nobody could take heartbeats. */
  postpone(ms: number): void {
    for (const times of this.#expiresMs.values()) {
      for (const [id, atMs] of times) times.set(id, atMs + ms);
    }
  }

  #deleteInstances(name: string, ids: readonly string[]): void {
    const known = this.#services.get(name);
    if (!known) return;
    const instances = new Map(known.instances);
    for (const id of ids) {
      instances.delete(id);
      this.#expiresMs.get(name)?.delete(id);
    }
    this.#set({ ...known, instances });
  }

  #set(service: RegisteredService): void {
    const { name, declared, instances } = service;
    this.#count(this.#services.get(name), -1);
    this.#count(service, 1);
    this.#services.set(name, service);
    if (declared || instances.size > 0) this.#emptySinceMs.delete(name);
    else if (!this.#emptySinceMs.has(name)) this.#emptySinceMs.set(name, this.#clock.now());
  }

  #renew(name: string, { id, ttlSeconds }: RegisteredInstance): void {
    const times = this.#expiresMs.get(name) ?? new Map<string, number>();
    this.#expiresMs.set(name, times);
    if (ttlSeconds === undefined) times.delete(id);
    else times.set(id, this.#clock.now() + ttlSeconds * 1000);
  }

  /** @throws HttpProblem 507 when the registry would outgrow its limits */
  #setWithinLimits(service: RegisteredService): void {
    const { maxServices, maxInstances, maxFileBytes } = this.#limits;
    const known = this.#services.get(service.name);
    const refuse = (limit: string) => {
      throw new HttpProblem(507, 'Insufficient Storage', `the registry is full: ${limit}`);
    };
    if (!known && this.#services.size >= maxServices) refuse(`${maxServices} services (maxServices)`);
    const more = service.instances.size - (known?.instances.size ?? 0);
    if (more > 0 && this.#instances >= maxInstances) refuse(`${maxInstances} instances (maxInstances)`);
    const bytes = this.#encode(service).length - (known ? this.#encode(known).length : 0);
    if (bytes > 0 && this.#bytes + bytes > maxFileBytes) refuse(`${maxFileBytes} bytes (maxFileBytes)`);
    this.#set(service);
  }

  #count(service: RegisteredService | undefined, sign: 1 | -1): void {
    if (service === undefined) return;
    this.#instances += sign * service.instances.size;
    this.#bytes += sign * this.#encode(service).length;
  }
}

function toInstance(id: string, request: InstanceRequest): RegisteredInstance {
  const { address, ports, weight, health, locality, network, metadata, ttlSeconds } = request;
  return {
    ...{ id, address, ports, weight, health },
    ...(locality && { locality }),
    ...(network !== undefined && { network }),
    metadata,
    ...(ttlSeconds !== undefined && { ttlSeconds }),
  };
}

function conflict(detail: string): HttpProblem {
  return new HttpProblem(409, 'Conflict', detail);
}
