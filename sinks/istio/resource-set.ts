import type { CatalogService, Change } from '../../core/catalog/catalog.js';
import { Assembly } from './assembly.js';
import type { Defect } from './endpoints.js';
import { encodeResource } from './resource.js';
import { type IstioOptions, type NamedEntry, toServiceEntries } from './service-entry.js';
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

const keptReasons = 10;

/**
 * The catalog as encoded resources: each is encoded when its service changes, and only then. Replicas that hold the
 * same catalog hold the same bytes in the same order.
 */
export class ResourceSet {
  readonly #options: IstioOptions;
  readonly #observer: ResourceSetObserver;
  readonly #resources = new Assembly();
  /** Host → the names of its resources. */
  readonly #names = new Map<string, readonly string[]>();
  readonly #invalid = new Map<string, readonly string[]>();
  readonly #defective = new Map<string, DefectiveService>();
  /** Host → the revision that its bytes changed with last. */
  readonly #changedWith = new Map<string, number>();
  #revision = 0;

  constructor(options: IstioOptions, observer: ResourceSetObserver) {
    this.#options = { ...options, labels: [...options.labels].sort(), exportTo: [...options.exportTo].sort() };
    this.#observer = observer;
  }

  /** Grows by one whenever the bytes change. */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#resources.size;
  }

  /** Sum of all resources as they stand in a response. */
  get byteLength(): number {
    return this.#resources.byteLength;
  }

  get invalidCount(): number {
    return this.#invalid.size;
  }

  /** Content hash over all resources, equal on every replica: 22 characters of base64url. */
  version(): string {
    return this.#resources.version();
  }

  /**
   * All resources, by name, between `head` and `tail`.
   * @param into the buffer to fill, as long as all that; its content must stay until the call after this one is over
   */
  concat(head: Buffer, tail: Buffer, into?: Buffer): Buffer {
    return this.#resources.concat(head, tail, into);
  }

  /** What is served of a host and what is not; undefined when nothing is known of it. */
  explain(host: string): ExplainedHost | undefined {
    const names = this.#names.get(host);
    const refused = this.#invalid.get(host);
    if (names === undefined && refused === undefined) return undefined;
    return {
      resources: (names ?? []).map((name) => ({ name, version: this.#resources.get(name)?.version ?? '' })),
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

  /** Takes a change of the catalog. @returns whether the bytes differ from before. */
  apply(change: Change): boolean {
    let changed = false;
    if (change.reset) {
      const present = new Set(change.upserts.map((service) => service.host));
      for (const host of new Set([...this.#names.keys(), ...this.#invalid.keys()])) {
        if (!present.has(host) && this.#remove(host)) changed = true;
      }
    }
    for (const service of change.upserts) {
      if (!this.#upsert(service)) continue;
      this.#changedWith.set(service.host, this.#revision + 1);
      changed = true;
    }
    for (const host of change.removes) if (this.#remove(host)) changed = true;
    if (changed) this.#revision++;
    return changed;
  }

  #upsert(service: CatalogService): boolean {
    const { host } = service;
    const { entries, defects } = toServiceEntries(service, this.#options);
    this.#noteDefects(host, defects);
    const reasons = validateServiceEntries(entries.map(({ entry }) => entry)).slice(0, keptReasons);
    this.#noteInvalid(host, reasons);
    if (reasons.length > 0) return false;
    return this.#replace(service, entries);
  }

  #replace(service: CatalogService, entries: readonly NamedEntry[]): boolean {
    const names = entries.map(({ name }) => name);
    let changed = false;
    for (const old of this.#names.get(service.host) ?? []) {
      if (!names.includes(old) && this.#resources.delete(old)) changed = true;
    }
    this.#names.set(service.host, names);
    for (const named of entries) {
      const resource = encodeResource(service, named, this.#options);
      if (this.#resources.get(named.name)?.version === resource.version) continue;
      this.#resources.set(named.name, resource);
      changed = true;
    }
    return changed;
  }

  #remove(host: string): boolean {
    this.#invalid.delete(host);
    this.#defective.delete(host);
    const names = this.#names.get(host) ?? [];
    this.#names.delete(host);
    this.#changedWith.delete(host);
    for (const name of names) this.#resources.delete(name);
    return names.length > 0;
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
