import { type AuditDifference, type AuditReport, printable, type Service } from '../../core/plugin/index.js';
import type { EurekaConfig } from './config.js';
import type { InstanceRecord } from './convert.js';
import { type Expiry, KnownServices } from './known-services.js';
import { type ApplicationRecords, RegistryView } from './registry-view.js';
import { saysSame } from './same-record.js';
import { Sharing } from './sharing.js';
import { Survivors } from './survivors.js';
import type { Tombstones } from './tombstones.js';
import { VipServices, vipsOf } from './vip-services.js';

const maxFound = 100;
const sliceSize = 200;

/** A whole listing while it is read; nothing of it counts before {@link PublishedRegistry.takeOver}. */
export interface NewListing {
  readonly view: RegistryView;
  readonly sharing: Sharing;
  /** What the listing says of instances that were told gone. */
  readonly doubtful: InstanceRecord[];
}

/** What of one registry is published, and all that is known to decide it. Knows no server and no clock. */
export class PublishedRegistry {
  readonly #config: EurekaConfig;
  readonly #known: KnownServices;
  readonly #tombstones: Tombstones;
  #view = new RegistryView();
  #sharing = new Sharing();
  #services: Survivors | VipServices;

  /** @param tombstones what is known to be gone, also from an earlier process */
  constructor(config: EurekaConfig, tombstones: Tombstones) {
    this.#config = config;
    this.#known = new KnownServices(config);
    this.#tombstones = tombstones;
    this.#services = new Survivors(this.#view, tombstones);
  }

  get sharing(): Sharing {
    return this.#sharing;
  }

  /** Instances that are published although the last listing lacked them, or had an older state of them. */
  get heldCount(): number {
    return this.#known.heldCount;
  }

  /** Instances that the registry lists and that stay away, since they were told gone. */
  get keptAwayCount(): number {
    return this.#tombstones.coveredCount;
  }

  /** Instances without a VIP address, where that is what makes up services. */
  get unnamedCount(): number {
    return this.#services instanceof VipServices ? this.#services.unnamedCount : 0;
  }

  /** The hash that a server with this content has. */
  hash(): string {
    return this.#view.hash();
  }

  /** Whether changes that a server tells are known, as far as their times show. */
  knows(recent: readonly ApplicationRecords[]): boolean {
    return recent.every(({ records }) => records.every((record) => this.#view.knows(record)));
  }

  /** Of changes that a server tells, the ends that are not known, each of the record that is known. */
  missedEnds(recent: readonly ApplicationRecords[]): readonly ApplicationRecords[] {
    const endOf = (end: InstanceRecord): readonly InstanceRecord[] => {
      const known = this.#view.records(end.application).get(end.id);
      const isMissed = end.deleted && known && !this.#view.knows(end);
      return isMissed ? [{ ...known, deleted: true, updatedMs: end.updatedMs, seenMs: end.seenMs }] : [];
    };
    return recent.map(({ name, records }) => ({ name, records: records.flatMap(endOf) }));
  }

  services(): Iterable<Service> {
    return this.#known.services();
  }

  /** From now on another server is read, or the same one after a gap. */
  beginReading(): void {
    this.#tombstones.beginReading();
  }

  beginListing(): NewListing {
    return { view: new RegistryView(this.#view), sharing: new Sharing(), doubtful: [] };
  }

  /** One application of a listing, as it comes. */
  add({ view, doubtful }: NewListing, application: ApplicationRecords): void {
    view.add(application);
    for (const record of application.records) if (this.#tombstones.has(record)) doubtful.push(record);
  }

  /** Takes over what has changed lately. @returns the services that are to be published anew */
  apply(recent: readonly ApplicationRecords[], nowMs: number): readonly Service[] {
    const changed = new Set<string>();
    for (const application of recent) {
      let isChanged = this.#view.apply(application);
      for (const record of application.records) {
        if (this.#tombstones.note(record, nowMs)) isChanged = true;
      }
      if (isChanged) for (const name of this.#services.refresh(application.name)) changed.add(name);
    }
    for (const name of this.#known.dropGone(deletedBy(recent))) changed.add(name);
    return this.#update(changed, nowMs);
  }

  /** How a listing differs from what the changes that were told of have built up. */
  async compare({ view }: NewListing, pause: () => Promise<void>): Promise<AuditReport> {
    const found: AuditDifference[] = [];
    let differences = 0;
    let compared = 0;
    const note = (record: InstanceRecord, what: string) => {
      differences++;
      if (found.length >= maxFound) return;
      found.push({ service: this.#serviceOf(record), detail: `instance ${printable(record.id)} ${what}` });
    };
    for (const name of new Set([...view.names(), ...this.#view.names()])) {
      if (++compared % sliceSize === 0) await pause();
      const listed = view.records(name);
      const known = this.#view.records(name);
      for (const [id, record] of listed) {
        const before = known.get(id);
        if (!before) note(record, 'was missed');
        else if (!saysSame(before, record)) note(record, 'had changed unseen');
      }
      for (const [id, record] of known) if (!listed.has(id)) note(record, 'is gone with no deletion told');
    }
    return { compared, differences, found };
  }

  /**
   * Takes a listing for what the registry holds. Works in slices and takes effect in one go at the end.
   * @param recent what changed lately, which goes on top of it
   * @param pause gives way to other work; what it throws ends all, and nothing has changed then
   */
  async takeOver(
    { view, sharing, doubtful }: NewListing,
    recent: readonly ApplicationRecords[],
    nowMs: number,
    pause: () => Promise<void>,
  ): Promise<void> {
    this.#tombstones.beginListing(nowMs);
    for (const record of doubtful) this.#tombstones.note(record, nowMs);
    for (const { records } of recent) for (const record of records) this.#tombstones.note(record, nowMs);
    const survivors = new Survivors(view, this.#tombstones);
    const services =
      this.#config.serviceName === 'app'
        ? survivors
        : await VipServices.of(survivors, this.#services instanceof VipServices ? this.#services : undefined, pause);
    const isDeleted = deletedBy(recent);
    // One that is listed is not missing, though another VIP address may stand for it now.
    const isGone = (record: InstanceRecord) => isDeleted(record) || view.records(record.application).has(record.id);
    const plan = await this.#known.plan(services, this.#services, isGone, nowMs, pause);
    this.#known.takeOver(plan);
    view.detach();
    this.#view = view;
    this.#sharing = sharing;
    this.#services = services;
  }

  /** Lets go of what was kept long enough. Call only after the registry has answered: silence ends nothing. */
  expire(nowMs: number): Expiry {
    const changed = new Set<string>();
    for (const application of this.#tombstones.expire(nowMs)) {
      for (const name of this.#services.refresh(application)) changed.add(name);
    }
    const back = this.#update(changed, nowMs);
    const { upserts, removes } = this.#known.expire(this.#services, nowMs);
    return { upserts: [...back, ...upserts], removes };
  }

  /** The service that a record is part of; the first of them. */
  #serviceOf({ application, vipAddress, secureVipAddress }: InstanceRecord): string {
    if (this.#config.serviceName === 'app') return application;
    return vipsOf(vipAddress)[0] ?? vipsOf(secureVipAddress)[0] ?? application;
  }

  #update(names: Iterable<string>, nowMs: number): readonly Service[] {
    const services: Service[] = [];
    for (const name of names) {
      const service = this.#known.update(name, this.#services, nowMs);
      if (service) services.push(service);
    }
    return services;
  }
}

/** Whether a record was told gone; a deletion that is older than the record is one of an earlier registration. */
function deletedBy(recent: readonly ApplicationRecords[]): (record: InstanceRecord) => boolean {
  const deletions = new Map<string, Map<string, number>>();
  for (const { name, records } of recent) {
    for (const { id, deleted, dirtyMs } of records) {
      if (!deleted) continue;
      const ids = deletions.get(name) ?? new Map<string, number>();
      deletions.set(name, ids.set(id, dirtyMs));
    }
  }
  return ({ application, id, dirtyMs }) => {
    const deletedMs = deletions.get(application)?.get(id);
    return deletedMs !== undefined && (deletedMs === 0 || deletedMs >= dirtyMs);
  };
}
