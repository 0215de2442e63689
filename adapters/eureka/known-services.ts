import type { Service } from '../../core/plugin/index.js';
import { buildService, isServiceName, type ServiceOptions } from './build-service.js';
import type { InstanceRecord } from './convert.js';
import { isOlder, saysSame } from './same-record.js';
import { noRecords, type ServiceRecords } from './service-records.js';

export interface RetentionOptions extends ServiceOptions {
  /** How long an instance stays as it was that a listing lacks, or has in an older state, with no deletion reported. */
  readonly missingGraceMs: number;
  /** How long a service with no instance stays known. */
  readonly forgetEmptyAfterMs: number;
}

interface Held {
  readonly record: InstanceRecord;
  readonly untilMs: number;
}

interface KnownService {
  readonly service: Service;
  /** When its last instance went; undefined while it has one. */
  readonly emptySinceMs: number | undefined;
  /** Instances that a listing lacked, or had in an older state, by id. */
  readonly held: ReadonlyMap<string, Held>;
}

/** What has to be published after time has passed. */
export interface Expiry {
  readonly upserts: readonly Service[];
  readonly removes: readonly string[];
}

/** A listing that was worked through, to be taken over in one go. */
export interface Plan {
  readonly changed: ReadonlyMap<string, KnownService>;
}

const nothingHeld: ReadonlyMap<string, Held> = new Map();
/** Services that are worked through in one go: 10 instances each take a millisecond or two. */
const sliceSize = 200;

/**
 * What is published of the registry, and what the registry itself forgets. Eureka keeps no application without an
 * instance, and a restarted server begins with nothing: so a service whose instances have gone stays as an empty one for
 * a while, and an instance that is merely absent stays for the time a lease would have lasted.
 */
export class KnownServices {
  readonly #options: RetentionOptions;
  readonly #services = new Map<string, KnownService>();
  /** Names of those with held instances or none at all, so that looking for what is due costs no walk over all. */
  readonly #waiting = new Set<string>();
  #heldCount = 0;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Instances that are published although the last listing lacked them, or had an older state of them. */
  get heldCount(): number {
    return this.#heldCount;
  }

  get serviceCount(): number {
    return this.#services.size;
  }

  *services(): Generator<Service> {
    for (const { service } of this.#services.values()) yield service;
  }

  /**
   * Works through a complete listing and changes nothing yet.
   * @param before what was known until now
   * @param isGone whether the registry said that an instance is gone from its service, so that it is not held
   * @param pause called between slices; gives way to other work
   */
  async plan(
    current: ServiceRecords,
    before: ServiceRecords,
    isGone: (record: InstanceRecord) => boolean,
    nowMs: number,
    pause: () => Promise<void>,
  ): Promise<Plan> {
    const changed = new Map<string, KnownService>();
    let count = 0;
    for (const name of new Set([...current.names(), ...this.#services.keys()])) {
      if (++count % sliceSize === 0) await pause();
      const next = this.#next(name, current.records(name), before.records(name), isGone, nowMs);
      if (next) changed.set(name, next);
    }
    return { changed };
  }

  takeOver({ changed }: Plan): void {
    for (const [name, known] of changed) this.#set(name, known);
  }

  /** Builds one service anew. @returns undefined when its name cannot be that of a service */
  update(name: string, current: ServiceRecords, nowMs: number): Service | undefined {
    if (!isServiceName(name)) return undefined;
    const known = this.#services.get(name);
    const records = current.records(name);
    return this.#set(name, this.#build(name, records, stillHeld(known?.held, records), nowMs)).service;
  }

  /** Lets go of held instances that are gone. @returns the names of their services, which are to be updated */
  dropGone(isGone: (record: InstanceRecord) => boolean): readonly string[] {
    if (this.#heldCount === 0) return [];
    return this.#drop(({ record }) => isGone(record));
  }

  /** Lets go of what was kept long enough. Call only after the registry has answered: silence ends nothing. */
  expire(current: ServiceRecords, nowMs: number): Expiry {
    const upserts: Service[] = [];
    const removes: string[] = [];
    for (const name of this.#drop(({ untilMs }) => untilMs <= nowMs)) {
      const service = this.update(name, current, nowMs);
      if (service) upserts.push(service);
    }
    for (const name of this.#waiting) {
      const emptySinceMs = this.#services.get(name)?.emptySinceMs;
      if (emptySinceMs === undefined || nowMs - emptySinceMs < this.#options.forgetEmptyAfterMs) continue;
      this.#services.delete(name);
      this.#waiting.delete(name);
      removes.push(name);
    }
    return { upserts, removes };
  }

  /** @returns undefined when nothing about the service is new */
  #next(
    name: string,
    records: ReadonlyMap<string, InstanceRecord>,
    before: ReadonlyMap<string, InstanceRecord>,
    isGone: (record: InstanceRecord) => boolean,
    nowMs: number,
  ): KnownService | undefined {
    if (!isServiceName(name)) return undefined;
    const known = this.#services.get(name);
    const held = new Map(
      [...stillHeld(known?.held, records)].filter(([id, { record }]) => records.has(id) || !isGone(record)),
    );
    if (this.#options.missingGraceMs > 0) {
      const untilMs = nowMs + this.#options.missingGraceMs;
      for (const [id, record] of before) {
        const now = records.get(id);
        const isBehind = now ? isOlder(now, record) : !isGone(record);
        if (isBehind && record.outcome.kind === 'instance' && !held.has(id)) held.set(id, { record, untilMs });
      }
    }
    const isSame = known && known.held.size === 0 && held.size === 0 && known.emptySinceMs === undefined;
    if (isSame && sameRecords(records, before)) return undefined;
    return this.#build(name, records, held, nowMs);
  }

  #build(
    name: string,
    records: ReadonlyMap<string, InstanceRecord>,
    held: ReadonlyMap<string, Held>,
    nowMs: number,
  ): KnownService {
    const known = this.#services.get(name);
    const all = new Map(records);
    for (const [id, { record }] of held) all.set(id, record);
    const service = buildService(name, all.values(), this.#options, known?.service);
    return { service, emptySinceMs: all.size === 0 ? (known?.emptySinceMs ?? nowMs) : undefined, held };
  }

  #set(name: string, known: KnownService): KnownService {
    this.#heldCount += known.held.size - (this.#services.get(name)?.held.size ?? 0);
    this.#services.set(name, known);
    if (known.held.size > 0 || known.emptySinceMs !== undefined) this.#waiting.add(name);
    else this.#waiting.delete(name);
    return known;
  }

  #drop(isDue: (held: Held) => boolean): string[] {
    const changed: string[] = [];
    for (const name of this.#waiting) {
      const known = this.#services.get(name);
      if (!known || known.held.size === 0) continue;
      const held = new Map([...known.held].filter(([, one]) => !isDue(one)));
      if (held.size === known.held.size) continue;
      this.#set(name, { ...known, held });
      changed.push(name);
    }
    // One whose held instances went with nothing left counts as empty only when it is updated.
    for (const name of changed) this.#waiting.add(name);
    return changed;
  }
}

/** What is held still once these records are known: not what they have in the same or a newer state. */
function stillHeld(
  held: ReadonlyMap<string, Held> = nothingHeld,
  records: ReadonlyMap<string, InstanceRecord> = noRecords,
): ReadonlyMap<string, Held> {
  if (held.size === 0) return nothingHeld;
  return new Map(
    [...held].filter(([id, { record }]) => {
      const now = records.get(id);
      return now === undefined || isOlder(now, record);
    }),
  );
}

/** Whether these say the same; a view takes records over from the one before where nothing changed. */
function sameRecords(a: ReadonlyMap<string, InstanceRecord>, b: ReadonlyMap<string, InstanceRecord>): boolean {
  if (a.size !== b.size) return false;
  for (const [id, record] of a) {
    const other = b.get(id);
    if (!other || !saysSame(record, other)) return false;
  }
  return true;
}
