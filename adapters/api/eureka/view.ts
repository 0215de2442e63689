import type { RegisteredInstance, RegisteredService } from '../model.js';
import { type EurekaAction, instanceJson, statusOf, vipsOf } from './instance-json.js';

interface Entry {
  readonly app: string;
  readonly id: string;
  readonly status: string;
  readonly vips: readonly string[];
  readonly svips: readonly string[];
  /** The instance in Eureka's JSON. */
  readonly json: string;
}

interface RecentChange {
  readonly app: string;
  readonly json: string;
  readonly atMs: number;
}

/** How long a change stands in the delta: Eureka's `retentionTimeInMSInDeltaQueue`. */
const deltaMs = 180_000;
/** Whoever misses what was let go notices it by the hash, and reads everything. */
const maxDelta = 20_000;

/**
 * The registry as Eureka's clients read it: applications by name in upper case, the last changes, and the hash that
 * tells clients whether what they have is right. Each instance is written as JSON once.
 */
export class EurekaView {
  readonly #apps = new Map<string, Map<string, Entry>>();
  /** What each entry was made of. */
  readonly #sources = new Map<string, ReadonlyMap<string, RegisteredInstance>>();
  readonly #delta = new Map<string, RecentChange>();
  readonly #statusCounts = new Map<string, number>();
  #version = 1;
  #listing: string | undefined;
  #deltaListing: string | undefined;

  /** Takes over what a service has become; undefined: it is gone. */
  update(name: string, service: RegisteredService | undefined, nowMs: number): void {
    const before = this.#sources.get(name) ?? new Map<string, RegisteredInstance>();
    const after = service?.instances ?? new Map<string, RegisteredInstance>();
    for (const [id, instance] of before) {
      if (!after.has(id)) this.#change(name, instance, 'DELETED', nowMs);
    }
    for (const [id, instance] of after) {
      const known = before.get(id);
      if (known !== instance) this.#change(name, instance, known ? 'MODIFIED' : 'ADDED', nowMs);
    }
    if (after.size === 0) this.#sources.delete(name);
    else this.#sources.set(name, after);
  }

  /** `GET /apps` */
  applications(): string {
    this.#listing ??= this.#write([...this.#apps].map(([app, entries]) => [app, jsons(entries.values())]));
    return this.#listing;
  }

  /** `GET /apps/delta`: what has changed in the last three minutes, with the hash of everything. */
  delta(nowMs: number): string {
    this.#forgetChanges(nowMs);
    if (this.#deltaListing !== undefined) return this.#deltaListing;
    const byApp = new Map<string, string[]>();
    for (const { app, json } of this.#delta.values()) {
      const changes = byApp.get(app);
      if (changes) changes.push(json);
      else byApp.set(app, [json]);
    }
    this.#deltaListing = this.#write(byApp);
    return this.#deltaListing;
  }

  /** `GET /apps/APP`; undefined when there is none. */
  application(app: string): string | undefined {
    const entries = this.#apps.get(app.toUpperCase());
    return entries && `{"application":${applicationJson(app.toUpperCase(), jsons(entries.values()))}}`;
  }

  /** `GET /apps/APP/ID` */
  instance(app: string, id: string): string | undefined {
    const entry = this.#apps.get(app.toUpperCase())?.get(id);
    return entry && `{"instance":${entry.json}}`;
  }

  /** `GET /instances/ID` */
  instanceById(id: string): string | undefined {
    for (const app of this.#apps.keys()) {
      const found = this.instance(app, id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** `GET /vips/VIP` and `/svips/VIP` */
  byVip(vip: string, kind: 'vips' | 'svips'): string {
    const counts = new Map<string, number>();
    const found: [string, string[]][] = [];
    for (const [app, entries] of this.#apps) {
      const matching = [...entries.values()].filter((entry) => entry[kind].includes(vip));
      for (const { status } of matching) counts.set(status, (counts.get(status) ?? 0) + 1);
      if (matching.length > 0) found.push([app, jsons(matching)]);
    }
    return applicationsJson('-1', hashOf(counts), found);
  }

  #change(service: string, instance: RegisteredInstance, action: EurekaAction, nowMs: number): void {
    const app = service.toUpperCase();
    const { id } = instance;
    const entries = this.#apps.get(app) ?? new Map<string, Entry>();
    const known = entries.get(id);
    if (known) this.#count(known.status, -1);
    const json = instanceJson(service, instance, action, nowMs);
    if (action === 'DELETED') entries.delete(id);
    else {
      const { vip, svip } = vipsOf(service, instance);
      const entry = { app, id, status: statusOf(instance), vips: vip.split(','), svips: svip.split(','), json };
      this.#count(entry.status, 1);
      entries.set(id, entry);
    }
    if (entries.size === 0) this.#apps.delete(app);
    else this.#apps.set(app, entries);
    this.#remember(`${app} ${id}`, { app, json, atMs: nowMs });
  }

  #remember(key: string, change: RecentChange): void {
    this.#delta.delete(key); // behind those that changed before it
    this.#delta.set(key, change);
    this.#forgetChanges(change.atMs);
    this.#version++;
    this.#listing = undefined;
    this.#deltaListing = undefined;
  }

  #forgetChanges(nowMs: number): void {
    for (const [key, { atMs }] of this.#delta) {
      if (this.#delta.size <= maxDelta && nowMs - atMs < deltaMs) return;
      this.#delta.delete(key);
      this.#deltaListing = undefined;
    }
  }

  #count(status: string, change: 1 | -1): void {
    const count = (this.#statusCounts.get(status) ?? 0) + change;
    if (count === 0) this.#statusCounts.delete(status);
    else this.#statusCounts.set(status, count);
  }

  #write(apps: Iterable<readonly [string, readonly string[]]>): string {
    return applicationsJson(String(this.#version), hashOf(this.#statusCounts), apps);
  }
}

function jsons(entries: Iterable<Entry>): string[] {
  return [...entries].map(({ json }) => json);
}

/** `apps__hashcode`, as `Applications.getReconcileHashCode` of Eureka's clients computes it. */
function hashOf(counts: ReadonlyMap<string, number>): string {
  return [...counts.keys()]
    .sort()
    .map((status) => `${status}_${counts.get(status)}_`)
    .join('');
}

function applicationsJson(version: string, hash: string, apps: Iterable<readonly [string, readonly string[]]>): string {
  const list = [...apps].map(([app, instances]) => applicationJson(app, instances)).join(',');
  return `{"applications":{"versions__delta":"${version}","apps__hashcode":"${hash}","application":[${list}]}}`;
}

function applicationJson(app: string, instances: readonly string[]): string {
  return `{"name":${JSON.stringify(app)},"instance":[${instances.join(',')}]}`;
}
