import type { Instance, Service } from '../../core/model/index.js';
import type { Source, SourceOutput } from '../../core/source/source.js';
import type { SampleInstance } from '../../testkit/index.js';
import type { MemoryRegistry } from './memory-registry.js';
import { MemorySource } from './memory-source.js';

/** A source with one mistake, and the rule that it breaks. */
export interface BrokenSource {
  readonly mistake: string;
  /** Name of the check that must find it. */
  readonly check: string;
  /** What the check must say. */
  readonly says: RegExp;
  create(registry: MemoryRegistry): Source;
}

const never = new AbortController().signal;
let counter = 0;

class UpsertsFirst extends MemorySource {
  protected override listed(out: SourceOutput, services: Service[]): void {
    for (const service of services) out.upsert(service);
    out.replaceAll(services);
  }
}

class ListsOneService extends MemorySource {
  protected override listed(out: SourceOutput, services: Service[]): void {
    out.replaceAll(services.slice(0, 1));
    for (const service of services.slice(1)) out.upsert(service);
  }
}

/** Takes what was published before for what is there, though it was read. */
class ClingsToWhatWas extends MemorySource {
  protected override listed(out: SourceOutput, services: Service[]): void {
    const all = new Map(out.published());
    for (const service of services) if (service.instances.length > 0) all.set(service.name, service);
    out.replaceAll(all.values());
  }
}

class DegradedForNothing extends MemorySource {
  protected override listed(out: SourceOutput, services: Service[]): void {
    out.degraded(new Error('connecting'));
    super.listed(out, services);
  }
}

/** Takes a failed read of one service for a service that is not there. */
class PublishesParts extends MemorySource {
  protected override async list(): Promise<Service[]> {
    const services: Service[] = [];
    for (const name of await this.registry.names()) {
      const service = await this.read(name).catch(() => undefined);
      if (service) services.push(service);
    }
    return services;
  }
}

/** The same mistake, once something was published. */
class RelistsParts extends MemorySource {
  #listed = false;

  protected override listed(out: SourceOutput, services: Service[]): void {
    this.#listed = true;
    super.listed(out, services);
  }

  protected override async list(): Promise<Service[]> {
    if (!this.#listed) return super.list();
    const services: Service[] = [];
    for (const name of await this.registry.names()) {
      const service = await this.read(name).catch(() => undefined);
      if (service) services.push(service);
    }
    return services;
  }
}

class IgnoresChanges extends MemorySource {
  protected override changed(): void {}
}

class IgnoresWeight extends MemorySource {
  protected override instance(sample: SampleInstance): Instance {
    return { ...super.instance(sample), weight: 100 };
  }
}

class IgnoresMetadata extends MemorySource {
  protected override instance(sample: SampleInstance): Instance {
    return { ...super.instance(sample), metadata: { version: 'v1', zone: 'z1' } };
  }
}

class LeavesOutUnhealthy extends MemorySource {
  protected override convert(name: string, samples: readonly SampleInstance[]): Service {
    return super.convert(
      name,
      samples.filter((sample) => sample.healthy),
    );
  }
}

class IdOfTheWeight extends MemorySource {
  protected override instance(sample: SampleInstance): Instance {
    return { ...super.instance(sample), id: `${sample.address}:${sample.port}/${sample.weight}` };
  }
}

class NeverRemoves extends MemorySource {
  readonly #seen = new Map<string, Map<string, SampleInstance>>();

  protected override convert(name: string, samples: readonly SampleInstance[]): Service {
    const seen = this.#seen.get(name) ?? new Map<string, SampleInstance>();
    for (const sample of samples) seen.set(sample.id, sample);
    this.#seen.set(name, seen);
    return super.convert(name, [...seen.values()]);
  }
}

/** Empties the service before it fills it again. */
class BlinksOnChange extends MemorySource {
  protected override changed(out: SourceOutput, service: Service): void {
    out.upsert({ ...service, instances: [] });
    out.upsert(service);
  }
}

/** Takes an empty answer for an error, as clients of some registries do. */
class MissesTheLast extends MemorySource {
  protected override changed(out: SourceOutput, service: Service): void {
    if (service.instances.length > 0) super.changed(out, service);
  }
}

/** Limits the rate of a service's changes, and forgets the last of them. */
class ThrottlesWithoutTail extends MemorySource {
  readonly #lastMs = new Map<string, number>();

  protected override changed(out: SourceOutput, service: Service): void {
    const nowMs = performance.now();
    if (nowMs - (this.#lastMs.get(service.name) ?? 0) < 1000) return;
    this.#lastMs.set(service.name, nowMs);
    super.changed(out, service);
  }
}

class EmptiesOnFailure extends MemorySource {
  protected override failed(out: SourceOutput, error: Error): void {
    out.replaceAll([]);
    out.degraded(error);
  }
}

class SilentOnFailure extends MemorySource {
  protected override failed(): void {}
}

class NeverReconnects extends MemorySource {
  protected override failed(out: SourceOutput, error: Error): void {
    super.failed(out, error);
    this.session = () => new Promise(() => {});
  }
}

class FollowsWithoutListing extends MemorySource {
  #listed = false;

  protected override listed(out: SourceOutput, services: Service[]): void {
    if (this.#listed) out.recovered();
    else out.replaceAll(services);
    this.#listed = true;
  }
}

class IgnoresAbort extends MemorySource {
  override run(out: SourceOutput): Promise<void> {
    return super.run(out, never);
  }
}

class HangsInOutage extends MemorySource {
  protected override async session(out: SourceOutput, signal: AbortSignal): Promise<void> {
    try {
      await super.session(out, signal);
    } catch (error) {
      out.degraded(error as Error);
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
  }
}

class PublishesAfterTheEnd extends MemorySource {
  override async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    this.registry.connect({ changed: (name) => out.upsert(this.convert(name, [])), lost: () => {} });
    await super.run(out, signal);
  }
}

class ResolvesEarly extends MemorySource {
  override async run(out: SourceOutput): Promise<void> {
    out.replaceAll(await this.list());
  }
}

class RunsOnce extends MemorySource {
  #ran = false;

  override async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    if (this.#ran) return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    this.#ran = true;
    await super.run(out, signal);
  }
}

class CountedIds extends MemorySource {
  protected override instance(sample: SampleInstance): Instance {
    counter++;
    return { ...super.instance(sample), id: `instance-${counter}` };
  }
}

class StampsTheTime extends MemorySource {
  protected override instance(sample: SampleInstance): Instance {
    return { ...super.instance(sample), metadata: { ...sample.metadata, readAt: String(performance.now()) } };
  }
}

class OneIdForAll extends MemorySource {
  protected override instance(sample: SampleInstance): Instance {
    return { ...super.instance(sample), id: 'instance' };
  }
}

class ForeignPort extends MemorySource {
  protected override instance(sample: SampleInstance): Instance {
    return { ...super.instance(sample), ports: { http: sample.port, admin: 99 } };
  }
}

class NamelessServices extends MemorySource {
  protected override convert(name: string, samples: readonly SampleInstance[]): Service {
    return { ...super.convert(name, samples), attributes: {} };
  }
}

/** Timers that the broken sources left, for the tests to clear. */
export const leftTimers: NodeJS.Timeout[] = [];

class LeavesTimers extends MemorySource {
  protected override listed(out: SourceOutput, services: Service[]): void {
    leftTimers.push(setInterval(() => {}, 1000));
    super.listed(out, services);
  }
}

class LeavesTimersInOutage extends MemorySource {
  protected override failed(out: SourceOutput, error: Error): void {
    leftTimers.push(setInterval(() => {}, 1000));
    super.failed(out, error);
  }
}

function broken(Class: new (registry: MemoryRegistry) => Source, check: string, says: RegExp): BrokenSource {
  const mistake = Class.name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim();
  return { mistake, check, says, create: (registry) => new Class(registry) };
}

/** Every way to be wrong that the suite must find. */
export const brokenSources: readonly BrokenSource[] = [
  broken(UpsertsFirst, 'publishes the complete first listing in one replaceAll', /was upsert, not replaceAll/),
  broken(ListsOneService, 'publishes the complete first listing in one replaceAll', /is not complete/),
  broken(DegradedForNothing, 'is not degraded while the registry answers', /says that it fails/),
  broken(PublishesParts, 'publishes nothing of a first listing that breaks in the middle', /published a part/),
  broken(RelistsParts, 'loses nothing when a listing after a reconnect breaks in the middle', /published a part/),
  broken(IgnoresChanges, 'publishes an instance and a service that are added', /in the registry and not published/),
  broken(IgnoresWeight, 'publishes a change of weight', /has weight 100, not 50/),
  broken(IgnoresMetadata, 'publishes a change of metadata', /has metadata version=v1, not v2/),
  broken(
    LeavesOutUnhealthy,
    'publishes a change of health, and keeps an unhealthy instance as unhealthy',
    /not published/,
  ),
  broken(IdOfTheWeight, 'publishes a change of weight', /the id of the instance changed with its weight/),
  broken(NeverRemoves, 'publishes the removal of one instance, and only of that one', /not in the registry/),
  broken(BlinksOnChange, 'publishes the removal of one instance, and only of that one', /lost an instance/),
  broken(BlinksOnChange, 'publishes an instance and a service that are added', /lost an instance/),
  broken(MissesTheLast, 'publishes the removal of the last instance, and its return', /not in the registry/),
  broken(ThrottlesWithoutTail, 'ends a burst of changes in the state of the registry', /timed out/),
  broken(
    EmptiesOnFailure,
    'removes nothing and says that it is degraded when the registry is unreachable, and recovers',
    /lost what was published/,
  ),
  broken(
    SilentOnFailure,
    'removes nothing and says that it is degraded when the registry is unreachable, and recovers',
    /timed out .* unreachable/,
  ),
  broken(
    NeverReconnects,
    'removes nothing and says that it is degraded when the registry is unreachable, and recovers',
    /recover from outage 1/,
  ),
  broken(FollowsWithoutListing, 'publishes after an outage what changed during it', /not in the registry/),
  broken(
    EmptiesOnFailure,
    'publishes nothing and says why while the registry is unreachable from the start, then lists it',
    /replaceAll with no registry/,
  ),
  broken(
    SilentOnFailure,
    'publishes nothing and says why while the registry is unreachable from the start, then lists it',
    /timed out/,
  ),
  broken(IgnoresAbort, 'settles within a second when aborted while it watches', /has not settled/),
  broken(IgnoresAbort, 'settles within a second when aborted in the middle of its first listing', /has not settled/),
  broken(
    IgnoresAbort,
    'settles at once and publishes nothing when its signal is aborted before it runs',
    /has not settled/,
  ),
  broken(HangsInOutage, 'settles within a second when aborted while the registry is unreachable', /has not settled/),
  broken(
    PublishesAfterTheEnd,
    'publishes nothing after its run has settled',
    /called after the run had settled: upsert/,
  ),
  broken(ResolvesEarly, 'settles within a second when aborted while it watches', /resolved before its signal aborted/),
  broken(RunsOnce, 'runs again on the same object after an abort, from a whole listing', /listing of the second run/),
  broken(
    ClingsToWhatWas,
    'lets go after a restart of what has gone meanwhile, and of nothing else, not for a moment',
    /is published and not in the registry/,
  ),
  broken(
    CountedIds,
    'publishes the same ids and records in every run and on every replica',
    /the ids of two runs differ/,
  ),
  broken(
    StampsTheTime,
    'publishes the same ids and records in every run and on every replica',
    /the records of two runs differ/,
  ),
  broken(OneIdForAll, 'publishes only records that keep the rules of core/model', /the id is not unique/),
  broken(ForeignPort, 'publishes only records that keep the rules of core/model', /no port "admin"/),
  broken(NamelessServices, 'gives every service the attribute `name`', /no attribute/),
  broken(LeavesTimers, 'leaves no timer, socket or handle behind', /× Timeout/),
  broken(
    LeavesTimersInOutage,
    'leaves no timer, socket or handle behind when aborted while the registry is unreachable',
    /× Timeout/,
  ),
];
