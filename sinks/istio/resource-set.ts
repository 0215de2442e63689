import type { CatalogService, Change } from '../../core/catalog/catalog.js';
import type { Defect } from './endpoints.js';
import { type EncodedResource, encodeServiceEntry } from './resource.js';
import { toServiceEntries } from './service-entry.js';
import { type IstioOptions, IstioSettings } from './settings.js';
import { validateServiceEntries } from './validate.js';

/** A service that istiod would refuse as it is now. */
export interface InvalidService {
  readonly host: string;
  readonly reasons: readonly string[];
  /** Whether an earlier, good copy of it is still served. */
  readonly serving: boolean;
}

/** Parts that one service goes without. */
export interface DefectiveService {
  readonly host: string;
  readonly defects: readonly Defect[];
  /** How many there are; `defects` holds the first few. */
  readonly total: number;
}

/** One host, for those who ask what became of it. */
export interface ExplainedHost {
  /** As istiod calls them: `namespace/name`. */
  readonly resources: readonly { readonly name: string; readonly version: string }[];
  /** {@link ResourceSet.revision} that its bytes changed with last. */
  readonly revision: number;
  /** Why its newest state is not served. */
  readonly refused: readonly string[];
  /** Parts that are left out, the first few. */
  readonly defects: readonly Defect[];
}

/** Told once whenever what is wrong with a host changes. */
export interface ResourceSetObserver {
  onInvalid(host: string, reasons: readonly string[]): void;
  onDefects(host: string, defects: readonly Defect[]): void;
}

/** A resource that is new or other than before, or one that is gone. */
export interface ResourceChange {
  readonly host: string;
  /** Unique among all resources; without the namespace. */
  readonly name: string;
  /** Undefined: it is gone. */
  readonly resource: EncodedResource | undefined;
}

const keptReasons = 10;
const unchanged: readonly ResourceChange[] = [];

/**
 * The catalog as encoded resources: each is encoded when its service changes, and only then. Replicas that hold the
 * same catalog hold the same resources.
 */
export class ResourceSet {
  readonly #settings: IstioSettings;
  readonly #observer: ResourceSetObserver;
  readonly #resources = new Map<string, EncodedResource>();
  /** Host → the names of its resources. */
  readonly #names = new Map<string, readonly string[]>();
  /** Host → the namespace that they are in. */
  readonly #namespaces = new Map<string, string>();
  readonly #invalid = new Map<string, readonly string[]>();
  readonly #defective = new Map<string, DefectiveService>();
  /** Host → the revision that its bytes changed with last. */
  readonly #changedWith = new Map<string, number>();
  #revision = 0;
  #byteLength = 0;

  constructor(options: IstioOptions, observer: ResourceSetObserver) {
    this.#settings = new IstioSettings(options);
    this.#observer = observer;
  }

  /** Grows whenever a resource changes. */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#resources.size;
  }

  /** Sum of all resources as they stand in a response. */
  get byteLength(): number {
    return this.#byteLength;
  }

  get invalidCount(): number {
    return this.#invalid.size;
  }

  /** Whether the newest state of a host is refused. */
  isRefused(host: string): boolean {
    return this.#invalid.has(host);
  }

  /** All that there is, as changes. */
  *all(): Generator<ResourceChange> {
    for (const [host, names] of this.#names) {
      for (const name of names) yield { host, name, resource: this.#resources.get(name) };
    }
  }

  /** What is served of a host and what is not; undefined when nothing is known of it. */
  explain(host: string): ExplainedHost | undefined {
    const names = this.#names.get(host);
    const refused = this.#invalid.get(host);
    if (names === undefined && refused === undefined) return undefined;
    return {
      resources: (names ?? []).map((name) => ({
        name: `${this.#namespaces.get(host)}/${name}`,
        version: this.#resources.get(name)?.version ?? '',
      })),
      revision: this.#changedWith.get(host) ?? 0,
      refused: refused ?? [],
      defects: this.#defective.get(host)?.defects ?? [],
    };
  }

  *invalid(): Generator<InvalidService> {
    for (const [host, reasons] of this.#invalid) yield { host, reasons, serving: this.#names.has(host) };
  }

  defective(): Iterable<DefectiveService> {
    return this.#defective.values();
  }

  /** Takes a change of the catalog. @returns the resources whose bytes differ from before */
  apply(change: Change): readonly ResourceChange[] {
    const changes: ResourceChange[] = [];
    if (change.reset) {
      const present = new Set(change.upserts.map((service) => service.host));
      for (const host of new Set([...this.#names.keys(), ...this.#invalid.keys()])) {
        if (!present.has(host)) changes.push(...this.#remove(host));
      }
    }
    for (const service of change.upserts) {
      const own = this.#upsert(service);
      if (own.length > 0) this.#changedWith.set(service.host, this.#revision + 1);
      changes.push(...own);
    }
    for (const host of change.removes) changes.push(...this.#remove(host));
    if (changes.length > 0) this.#revision++;
    return changes;
  }

  #upsert(service: CatalogService): readonly ResourceChange[] {
    const { host } = service;
    const resolved = this.#settings.of(service);
    if ('reasons' in resolved) {
      this.#noteInvalid(host, resolved.reasons.slice(0, keptReasons));
      return unchanged;
    }
    const { settings } = resolved;
    const { entries, defects } = toServiceEntries(service, settings);
    const { labels, refused } = settings.serviceLabels.pick(service.metadata);
    const ofService = refused.map((key): Defect => ({ part: 'label', instance: '', reason: whyNoLabel(key) }));
    this.#noteDefects(host, ofService.length === 0 ? defects : [...ofService, ...defects]);
    const reasons = validateServiceEntries(entries).slice(0, keptReasons);
    this.#noteInvalid(host, reasons);
    if (reasons.length > 0) return unchanged;
    this.#namespaces.set(host, settings.namespace);
    return this.#replace(
      host,
      entries.map((named) => [named.name, encodeServiceEntry(service, named, settings, labels)] as const),
    );
  }

  #replace(host: string, resources: readonly (readonly [string, EncodedResource])[]): readonly ResourceChange[] {
    const changes: ResourceChange[] = [];
    const names = resources.map(([name]) => name);
    for (const old of this.#names.get(host) ?? []) {
      if (names.includes(old)) continue;
      this.#set(old, undefined);
      changes.push({ host, name: old, resource: undefined });
    }
    this.#names.set(host, names);
    for (const [name, resource] of resources) {
      if (this.#resources.get(name)?.version === resource.version) continue;
      this.#set(name, resource);
      changes.push({ host, name, resource });
    }
    return changes;
  }

  #set(name: string, resource: EncodedResource | undefined): void {
    this.#byteLength += (resource?.chunk.length ?? 0) - (this.#resources.get(name)?.chunk.length ?? 0);
    if (resource) this.#resources.set(name, resource);
    else this.#resources.delete(name);
  }

  #remove(host: string): readonly ResourceChange[] {
    this.#invalid.delete(host);
    this.#defective.delete(host);
    const names = this.#names.get(host) ?? [];
    this.#names.delete(host);
    this.#namespaces.delete(host);
    this.#changedWith.delete(host);
    return names.map((name) => {
      this.#set(name, undefined);
      return { host, name, resource: undefined };
    });
  }

  #noteInvalid(host: string, reasons: readonly string[]): void {
    const known = this.#invalid.get(host);
    if (reasons.length === 0) this.#invalid.delete(host);
    else this.#invalid.set(host, reasons);
    if (reasons.length > 0 && known?.join() !== reasons.join()) this.#observer.onInvalid(host, reasons);
  }

  #noteDefects(host: string, defects: readonly Defect[]): void {
    const known = this.#defective.get(host);
    if (defects.length === 0) {
      if (known) this.#defective.delete(host);
      return;
    }
    const kept = defects.slice(0, keptReasons);
    this.#defective.set(host, { host, defects: kept, total: defects.length });
    if (known?.total !== defects.length || JSON.stringify(known.defects) !== JSON.stringify(kept)) {
      this.#observer.onDefects(host, defects);
    }
  }
}

function whyNoLabel(key: string): string {
  return `${key} of the service cannot be a label`;
}
