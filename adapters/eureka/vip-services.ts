import type { InstanceRecord } from './convert.js';
import { noRecords, type ServiceRecords } from './service-records.js';

/** Which of an instance's ports a VIP address stands for. */
type Share = 'all' | 'plain' | 'secure';

/** VIP addresses of one instance that are followed. */
const maxVips = 32;
/** Applications that are worked through in one go. */
const sliceSize = 200;

/**
 * Instances by VIP address instead of application: a service is all instances that name it, in whichever applications,
 * as `Applications.getInstancesByVirtualHostName` of Eureka's own client has it. `vipAddress` stands for the plain port,
 * `secureVipAddress` for the secure one; both may be lists, and case does not count. Ids are `APPLICATION/id`.
 */
export class VipServices implements ServiceRecords {
  readonly #applications: ServiceRecords;
  readonly #services = new Map<string, Map<string, InstanceRecord>>();
  /** Ids by service, of each application. */
  readonly #parts = new Map<string, ReadonlyMap<string, readonly string[]>>();
  /** Instances of an application that no VIP address stands for. */
  readonly #unnamed = new Map<string, number>();
  readonly #made: WeakMap<InstanceRecord, Map<Share, InstanceRecord>>;

  private constructor(applications: ServiceRecords, before?: VipServices) {
    this.#applications = applications;
    this.#made = before ? before.#made : new WeakMap();
  }

  /**
   * @param before the one that the new one follows: what it made of a record that is the same is taken over
   * @param pause gives way to other work, called between slices
   */
  static async of(applications: ServiceRecords, before: VipServices | undefined, pause: () => Promise<void>) {
    const services = new VipServices(applications, before);
    let count = 0;
    for (const name of applications.names()) {
      if (++count % sliceSize === 0) await pause();
      services.refresh(name);
    }
    return services;
  }

  /** Instances that no VIP address stands for, and that are no part of any service therefore. */
  get unnamedCount(): number {
    let count = 0;
    for (const unnamed of this.#unnamed.values()) count += unnamed;
    return count;
  }

  names(): Iterable<string> {
    return this.#services.keys();
  }

  records(service: string): ReadonlyMap<string, InstanceRecord> {
    return this.#services.get(service) ?? noRecords;
  }

  /** Takes over an application that changed. @returns the services that it is, or was, part of */
  refresh(application: string): readonly string[] {
    const touched = new Set<string>();
    for (const [service, ids] of this.#parts.get(application) ?? []) {
      touched.add(service);
      for (const id of ids) this.#remove(service, id);
    }
    const parts = new Map<string, string[]>();
    let unnamed = 0;
    for (const record of this.#applications.records(application).values()) {
      const id = `${application}/${record.id}`;
      const shares = sharesOf(record);
      if (shares.size === 0) unnamed++;
      for (const [service, share] of shares) {
        touched.add(service);
        this.#add(service, id, this.#make(record, id, share));
        const ids = parts.get(service);
        if (ids) ids.push(id);
        else parts.set(service, [id]);
      }
    }
    if (unnamed === 0) this.#unnamed.delete(application);
    else this.#unnamed.set(application, unnamed);
    if (parts.size === 0) this.#parts.delete(application);
    else this.#parts.set(application, parts);
    return [...touched];
  }

  #add(service: string, id: string, record: InstanceRecord): void {
    const records = this.#services.get(service) ?? new Map<string, InstanceRecord>();
    this.#services.set(service, records.set(id, record));
  }

  #remove(service: string, id: string): void {
    const records = this.#services.get(service);
    if (records?.delete(id) && records.size === 0) this.#services.delete(service);
  }

  #make(record: InstanceRecord, id: string, share: Share): InstanceRecord {
    const known = this.#made.get(record) ?? new Map<Share, InstanceRecord>();
    const made = known.get(share) ?? partOf(record, id, share);
    this.#made.set(record, known.set(share, made));
    return made;
  }
}

/** A VIP address whose port the instance has not is none: Spring registers a secure one for all. */
function sharesOf(record: InstanceRecord): ReadonlyMap<string, Share> {
  const shares = new Map<string, Share>();
  const ports = record.outcome.kind === 'instance' ? Object.keys(record.outcome.instance.ports) : [];
  const isRejected = record.outcome.kind === 'rejected';
  if (isRejected || ports.some((port) => port !== 'https')) {
    for (const vip of vipsOf(record.vipAddress)) shares.set(vip, 'plain');
  }
  if (isRejected || ports.includes('https')) {
    for (const vip of vipsOf(record.secureVipAddress)) shares.set(vip, shares.has(vip) ? 'all' : 'secure');
  }
  return shares;
}

/** The VIP addresses of a list, in lower case. */
export function vipsOf(list: string): readonly string[] {
  if (list === '') return [];
  const vips = list.split(',', maxVips).map((vip) => vip.trim().toLowerCase());
  return vips.filter((vip) => vip !== '');
}

function partOf(record: InstanceRecord, id: string, share: Share): InstanceRecord {
  if (record.outcome.kind !== 'instance') return record;
  const { instance } = record.outcome;
  const ports = Object.fromEntries(
    Object.entries(instance.ports).filter(([port]) => share === 'all' || (port === 'https') === (share === 'secure')),
  );
  return { ...record, outcome: { ...record.outcome, instance: { ...instance, id, ports } } };
}
