import { isDeepStrictEqual } from 'node:util';
import { type Clock, HttpProblem } from '../../core/plugin/index.js';
import type { ApiConfig } from './config.js';
import type { EurekaInfo } from './eureka/info.js';
import { type LeaseKey, Leases } from './leases.js';
import { MassExpiry } from './mass-expiry.js';
import type { HeartbeatOutcome, PutOutcome, RegisteredInstance, RegisteredService, RegistryChange } from './model.js';
import { withPorts } from './ports.js';
import { type InstanceChange, RegistrySize, type ServiceHead, type SizeOptions } from './registry-size.js';
import type { InstanceRequest, ServiceRequest } from './requests.js';

export type RegistryLimits = Pick<
  ApiConfig,
  'maxServices' | 'maxInstances' | 'maxFileBytes' | 'forgetEmptyAfterMs' | 'leases'
>;

/** {@link MemoryRegistry.expire} is called at least as often, but for pauses. */
export const maxTickMs = 600;

/** Eureka's clients wait for ten times their interval at most, which is 30 s. */
const maxCalmMs = 300_000;

/** Leases that have run out and are kept, for they are too many to be believed. */
export interface HeldLeases {
  readonly count: number;
  readonly sinceMs: number;
}

/** The registry in memory, with its rules. Times are of the clock; a heartbeat is not stored. */
export class MemoryRegistry {
  readonly #services = new Map<string, RegisteredService>();
  /** By the name in lower case. */
  readonly #names = new Map<string, string>();
  readonly #leases = new Leases();
  /** Run out, and not believed yet; with the time at which they did. */
  readonly #overdue = new Map<string, LeaseKey & { readonly dueMs: number }>();
  readonly #massExpiry: MassExpiry;
  readonly #emptySinceMs = new Map<string, number>();
  readonly #limits: RegistryLimits;
  readonly #clock: Clock;
  readonly #size: RegistrySize;
  /** The instances of the services that {@link atomically} has changed: nobody else has seen them yet. */
  #drafts: Map<ReadonlyMap<string, RegisteredInstance>, Map<string, RegisteredInstance>> | undefined;
  #calmUntilMs = 0;
  /** When leases were last let run out. */
  #expiredMs: number | undefined;

  constructor(limits: RegistryLimits, clock: Clock, sizes: SizeOptions) {
    this.#size = new RegistrySize(sizes);
    this.#limits = limits;
    this.#clock = clock;
    this.#massExpiry = new MassExpiry(limits.leases);
  }

  get services(): ReadonlyMap<string, RegisteredService> {
    return this.#services;
  }

  get instanceCount(): number {
    return this.#size.instances;
  }

  /** Of its services in the file. */
  get bytes(): number {
    return this.#size.bytes;
  }

  get leaseCount(): number {
    return this.#leases.size + this.#overdue.size;
  }

  get held(): HeldLeases | undefined {
    const sinceMs = this.#massExpiry.heldSinceMs;
    return sinceMs === undefined ? undefined : { count: this.#overdue.size, sinceMs };
  }

  instance(service: string, id: string): RegisteredInstance | undefined {
    return this.#services.get(service)?.instances.get(id);
  }

  /** The service of this name, in whatever case it is written: Eureka's clients write upper case. */
  nameLike(name: string): string | undefined {
    return this.#names.get(name.toLowerCase());
  }

  /** When the lease runs out, or an instance whose lease did is removed; milliseconds since the epoch. */
  expiresMs(service: string, id: string): number | undefined {
    return this.#leases.dueMs({ service, id }) ?? this.#overdue.get(keyOf({ service, id }))?.dueMs;
  }

  /** Takes over what was stored; each instance has a whole lease from now on, so that its owner can come back. */
  restore(services: Iterable<RegisteredService>): void {
    for (const service of services) {
      this.#set(service, allOf(service));
      for (const instance of service.instances.values()) this.#renew(service.name, instance);
    }
  }

  /** @throws HttpProblem 409 for ports that the service cannot have, 507 over a limit */
  putInstance(name: string, id: string, request: InstanceRequest, eureka?: EurekaInfo): PutOutcome {
    const known = this.#services.get(name);
    const before = known?.instances.get(id);
    const instance = toInstance(id, request, eureka);
    if (before && isDeepStrictEqual(before, instance)) {
      this.#renew(name, before);
      return 'same';
    }
    const head = this.#headWith(name, instance);
    const change = [[before, instance]] as const;
    this.#checkLimits(head, change);
    this.#set({ ...head, instances: this.#toChange(known).set(id, instance) }, change);
    this.#renew(name, instance);
    return before ? 'changed' : 'new';
  }

  /** @returns whether it was known */
  deleteInstance(name: string, id: string): boolean {
    const known = this.#services.get(name);
    const before = known?.instances.get(id);
    if (!known || !before) return false;
    const instances = this.#toChange(known);
    instances.delete(id);
    this.#set({ ...known, instances }, [[before, undefined]]);
    this.#forgetLease({ service: name, id });
    return true;
  }

  /** One that has no time to live needs no heartbeat. */
  heartbeat(name: string, id: string): HeartbeatOutcome {
    const known = this.#services.get(name);
    const instance = known?.instances.get(id);
    if (!known || !instance) return 'unknown';
    if (!instance.expired) {
      this.#renew(name, instance);
      return 'renewed';
    }
    const { expired: _, ...revived } = instance;
    this.#set({ ...known, instances: this.#toChange(known).set(id, revived) }, [[instance, revived]]);
    this.#renew(name, revived);
    return 'revived';
  }

  /** @returns whether it is new @throws HttpProblem 409 when instances have other ports, 507 over a limit */
  putService(name: string, request: ServiceRequest): boolean {
    const known = this.#services.get(name);
    const declared = new Set(request.ports.map((port) => port.name));
    for (const instance of known?.instances.values() ?? []) {
      const missing = Object.keys(instance.ports).find((port) => !declared.has(port));
      if (missing !== undefined) throw conflict(`instance ${instance.id} of service ${name} has a port ${missing}`);
    }
    const head = { name, declared: true, ...request };
    this.#checkLimits(head, []);
    this.#set({ ...head, instances: known?.instances ?? new Map() }, []);
    return known === undefined;
  }

  /** @returns whether it was known */
  deleteService(name: string): boolean {
    const known = this.#services.get(name);
    if (!known) return false;
    this.#size.delete(name);
    this.#services.delete(name);
    if (this.nameLike(name) === name) this.#names.delete(name.toLowerCase());
    for (const id of known.instances.keys()) this.#forgetLease({ service: name, id });
    this.#emptySinceMs.delete(name);
    return true;
  }

  /**
   * Runs `change`, and puts back what it did to the services named when it says so.
   * @param change returns whether its changes stay
   */
  atomically(names: Iterable<string>, change: () => boolean): void {
    const before = new Map([...new Set(names)].map((name) => [name, this.#remember(name)] as const));
    this.#drafts = new Map();
    try {
      if (change()) return;
    } finally {
      this.#drafts = undefined;
    }
    for (const [name, { service, dueMs }] of before) {
      this.deleteService(name);
      if (!service) continue;
      this.#set(service, allOf(service));
      for (const [id, atMs] of dueMs) this.#leases.set({ service: name, id }, atMs);
    }
  }

  /**
   * Lets leases run out. An instance whose lease did serves no more, and is removed after `leases.expiredForMs`;
   * services that were empty for too long are forgotten.
   */
  expire(): RegistryChange[] {
    const nowMs = this.#clock.now();
    this.#expiredMs = nowMs;
    const gone = new Map<string, Set<string>>();
    const add = (into: Map<string, Set<string>>, { service, id }: LeaseKey) =>
      into.set(service, (into.get(service) ?? new Set()).add(id));
    for (const key of this.#leases.takeDue(nowMs)) {
      if (this.instance(key.service, key.id)?.expired) add(gone, key);
      else this.#overdue.set(keyOf(key), { ...key, dueMs: nowMs });
    }
    const expired = new Map<string, Set<string>>();
    const isCalm = nowMs < this.#calmUntilMs && nowMs > this.#calmUntilMs - maxCalmMs;
    if (!isCalm && this.#massExpiry.allows(this.#overdue.size, this.#leases.size, nowMs)) {
      for (const key of this.#overdue.values()) add(this.#limits.leases.expiredForMs === 0 ? gone : expired, key);
      this.#overdue.clear();
    }
    const changes: RegistryChange[] = [];
    for (const name of new Set([...gone.keys(), ...expired.keys()])) {
      this.#expire(name, expired.get(name) ?? new Set(), gone.get(name) ?? new Set());
      changes.push({ kind: 'put', name });
    }
    for (const [name, sinceMs] of this.#emptySinceMs) {
      if (nowMs - sinceMs < this.#limits.forgetEmptyAfterMs) continue;
      this.deleteService(name);
      changes.push({ kind: 'removed', name });
    }
    return changes;
  }

  /**
   * Adds time to every lease: for `ms` nobody could take heartbeats. After that none runs out for twice as long: clients
   * that double their wait after each failure, as Eureka's do, may be silent for that time.
   */
  postpone(ms: number): void {
    this.#leases.postpone(ms);
    this.#calmUntilMs = Math.max(this.#calmUntilMs, this.#clock.now() + Math.min(maxCalmMs, 2 * ms));
  }

  /** What the service is with this instance. @throws HttpProblem 409 for ports that it cannot have */
  #headWith(name: string, instance: RegisteredInstance): ServiceHead {
    const known = this.#services.get(name);
    const names = Object.keys(instance.ports);
    if (known?.declared) {
      const missing = names.filter((port) => !known.ports.some((declared) => declared.name === port));
      if (missing.length > 0) throw conflict(`service ${name} was declared without port ${missing.join(', ')}`);
    }
    const ports = known?.declared ? known.ports : withPorts(known?.ports ?? [], names);
    if ('conflict' in ports) throw conflict(ports.conflict);
    const { declared = false, metadata = {} } = known ?? {};
    return { name, declared, ports, metadata };
  }

  /** The instances of a service, to be changed: a copy, of which there is one for all changes that are made together. */
  #toChange(service: RegisteredService | undefined): Map<string, RegisteredInstance> {
    const draft = service && this.#drafts?.get(service.instances);
    if (draft) return draft;
    const copy = new Map(service?.instances);
    this.#drafts?.set(copy, copy);
    return copy;
  }

  #expire(name: string, expired: ReadonlySet<string>, gone: ReadonlySet<string>): void {
    const known = this.#services.get(name);
    if (!known) return;
    const instances = new Map(known.instances);
    const changes: InstanceChange[] = [];
    for (const id of gone) {
      changes.push([instances.get(id), undefined]);
      instances.delete(id);
    }
    const removeMs = this.#clock.now() + this.#limits.leases.expiredForMs;
    for (const id of expired) {
      const instance = instances.get(id);
      if (!instance) continue;
      const marked: RegisteredInstance = { ...instance, expired: true };
      instances.set(id, marked);
      changes.push([instance, marked]);
      this.#leases.set({ service: name, id }, removeMs);
    }
    this.#set({ ...known, instances }, changes);
  }

  #remember(name: string) {
    const service = this.#services.get(name);
    const ids = [...(service?.instances.keys() ?? [])];
    return { service, dueMs: ids.flatMap((id) => entry(id, this.expiresMs(name, id))) };
  }

  /** @param changes how its instances differ from those of the service that it takes the place of */
  #set(service: RegisteredService, changes: Iterable<InstanceChange>): void {
    const { name, declared, instances } = service;
    this.#size.change(service, changes);
    this.#services.set(name, service);
    if (this.nameLike(name) === undefined) this.#names.set(name.toLowerCase(), name);
    if (declared || instances.size > 0) this.#emptySinceMs.delete(name);
    else if (!this.#emptySinceMs.has(name)) this.#emptySinceMs.set(name, this.#clock.now());
  }

  #renew(service: string, { id, ttlSeconds, expired }: RegisteredInstance): void {
    const nowMs = this.#clock.now();
    if (this.#overdue.delete(keyOf({ service, id }))) this.#massExpiry.rescued(nowMs);
    if (ttlSeconds === undefined) this.#leases.delete({ service, id });
    else {
      // After a pause that nobody has noticed yet, which all leases are given back: not twice to this one.
      const fromMs = Math.min(nowMs, (this.#expiredMs ?? nowMs) + maxTickMs);
      const restMs = expired ? this.#limits.leases.expiredForMs : 0;
      this.#leases.set({ service, id }, fromMs + ttlSeconds * 1000 + restMs);
    }
  }

  #forgetLease(key: LeaseKey): void {
    this.#leases.delete(key);
    this.#overdue.delete(keyOf(key));
  }

  /** @throws HttpProblem 409 for a name that another service has in another case, 507 when the registry would outgrow its limits */
  #checkLimits(head: ServiceHead, changes: Iterable<InstanceChange>): void {
    const { maxServices, maxInstances, maxFileBytes } = this.#limits;
    const isNew = !this.#services.has(head.name);
    const refuse = (limit: string) => {
      throw new HttpProblem(507, 'Insufficient Storage', `the registry is full: ${limit}`);
    };
    const twin = this.nameLike(head.name);
    if (isNew && twin !== undefined)
      throw conflict(`there is a service ${twin}: names that differ in case alone are one`);
    if (isNew && this.#services.size >= maxServices) refuse(`${maxServices} services (maxServices)`);
    const { instances, bytes } = this.#size.growth(head, changes);
    if (instances > 0 && this.#size.instances >= maxInstances) refuse(`${maxInstances} instances (maxInstances)`);
    if (bytes > 0 && this.#size.bytes + bytes > maxFileBytes) refuse(`${maxFileBytes} bytes (maxFileBytes)`);
  }
}

function allOf({ instances }: RegisteredService): InstanceChange[] {
  return [...instances.values()].map((instance) => [undefined, instance]);
}

/** Names and ids have no space. */
function keyOf({ service, id }: LeaseKey): string {
  return `${service} ${id}`;
}

function entry(id: string, atMs: number | undefined): readonly (readonly [string, number])[] {
  return atMs === undefined ? [] : [[id, atMs]];
}

function toInstance(id: string, request: InstanceRequest, eureka: EurekaInfo | undefined): RegisteredInstance {
  const { address, ports, weight, health, locality, network, metadata, ttlSeconds } = request;
  return {
    ...{ id, address, ports, weight, health },
    ...(locality && { locality }),
    ...(network !== undefined && { network }),
    metadata,
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    ...(eureka && { eureka }),
  };
}

function conflict(detail: string): HttpProblem {
  return new HttpProblem(409, 'Conflict', detail);
}
