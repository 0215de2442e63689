import { createHash } from 'node:crypto';
import type { CatalogService, Change } from '../../core/catalog/catalog.js';
import type { WorkloadEntry } from '../../proto/gen/service_entry.js';
import type { Defect } from '../istio/endpoints.js';
import { type NamedEntry, toServiceEntries } from '../istio/service-entry.js';
import { type IstioOptions, IstioSettings, type ServiceSettings } from '../istio/settings.js';
import { validateServiceEntries } from '../istio/validate.js';
import {
  annotations,
  type Manifest,
  manifest,
  manifestKey,
  type Owner,
  ownerLabels,
  serviceEntrySpec,
  sourcesOf,
  workloadSpec,
} from './manifest.js';

export interface DesiredOptions extends IstioOptions {
  readonly endpoints: 'inline' | 'workload-entries';
}

/** Told once whenever what is wrong with a host changes. */
export interface DesiredObserver {
  onInvalid(host: string, reasons: readonly string[]): void;
}

const keptReasons = 10;
/** What Istio's own resource definition allows. */
const maxInlineEndpoints = 4096;
/** Selects the WorkloadEntries of one ServiceEntry. */
export const entryLabel = 'isthmus.io/entry';

/**
 * The catalog as objects: those of a service are made when it changes, and only then. A service that istiod would refuse
 * keeps the objects of its last good state.
 */
export class DesiredObjects {
  readonly #options: DesiredOptions;
  readonly #settings: IstioSettings;
  readonly #owner: Owner;
  readonly #observer: DesiredObserver;
  readonly #manifests = new Map<string, Manifest>();
  /** Host → the keys of its objects. */
  readonly #keys = new Map<string, readonly string[]>();
  readonly #invalid = new Map<string, readonly string[]>();
  readonly #defects = new Map<string, readonly Defect[]>();

  constructor(options: DesiredOptions, owner: Owner, observer: DesiredObserver) {
    this.#options = options;
    this.#settings = new IstioSettings(options);
    this.#owner = owner;
    this.#observer = observer;
  }

  get manifests(): ReadonlyMap<string, Manifest> {
    return this.#manifests;
  }

  /** Hosts that istiod would refuse as they are now, with the reasons. */
  get invalid(): ReadonlyMap<string, readonly string[]> {
    return this.#invalid;
  }

  keysOf(host: string): readonly string[] {
    return this.#keys.get(host) ?? [];
  }

  /** Parts of a host that are left out, the first few. */
  defectsOf(host: string): readonly Defect[] {
    return this.#defects.get(host) ?? [];
  }

  isKnown(host: string): boolean {
    return this.#keys.has(host) || this.#invalid.has(host);
  }

  /** Takes a change of the catalog. @returns keys of objects that are to be other than before */
  apply(change: Change): readonly string[] {
    const changed: string[] = [];
    if (change.reset) {
      const present = new Set(change.upserts.map(({ host }) => host));
      for (const host of new Set([...this.#keys.keys(), ...this.#invalid.keys()])) {
        if (!present.has(host)) changed.push(...this.#remove(host));
      }
    }
    for (const service of change.upserts) changed.push(...this.#upsert(service));
    for (const host of change.removes) changed.push(...this.#remove(host));
    return changed;
  }

  #upsert(service: CatalogService): readonly string[] {
    const { host } = service;
    const made = this.#make(service);
    if ('reasons' in made) {
      this.#noteInvalid(host, made.reasons.slice(0, keptReasons));
      return [];
    }
    this.#noteInvalid(host, []);
    if (made.defects.length === 0) this.#defects.delete(host);
    else this.#defects.set(host, made.defects.slice(0, keptReasons));
    const next = new Map(made.manifests.map((each) => [manifestKey(each), each]));
    const changed: string[] = [];
    for (const old of this.#keys.get(host) ?? []) {
      if (next.has(old)) continue;
      this.#manifests.delete(old);
      changed.push(old);
    }
    for (const [key, each] of next) {
      if (this.#manifests.get(key)?.version === each.version) continue;
      this.#manifests.set(key, each);
      changed.push(key);
    }
    this.#keys.set(host, [...next.keys()]);
    return changed;
  }

  #make(
    service: CatalogService,
  ):
    | { readonly manifests: readonly Manifest[]; readonly defects: readonly Defect[] }
    | { readonly reasons: readonly string[] } {
    const resolved = this.#settings.of(service);
    if ('reasons' in resolved) return resolved;
    const { settings } = resolved;
    const { entries, defects } = toServiceEntries(service, settings);
    const reasons = [...validateServiceEntries(entries), ...this.#sizeProblems(entries)];
    if (reasons.length > 0) return { reasons };
    return { manifests: entries.flatMap((named) => this.#manifestsOf(service, named, settings)), defects };
  }

  #sizeProblems(entries: readonly NamedEntry[]): readonly string[] {
    if (this.#options.endpoints !== 'inline') return [];
    const most = Math.max(0, ...entries.map(({ entry }) => entry.endpoints.length));
    if (most <= maxInlineEndpoints) return [];
    return [
      `${most} endpoints in one ServiceEntry, which takes ${maxInlineEndpoints}; set endpoints: workload-entries`,
    ];
  }

  #manifestsOf(service: CatalogService, { name, entry }: NamedEntry, settings: ServiceSettings): Manifest[] {
    const { namespace } = settings;
    const owner = ownerLabels(this.#owner);
    const { labels } = settings.serviceLabels.pick(service.metadata);
    const common = {
      ...{ namespace, host: service.host },
      annotations: { [annotations.host]: service.host, [annotations.sources]: sourcesOf(service) },
    };
    const serviceEntry = { ...common, kind: 'ServiceEntry', name, labels: { ...labels, ...owner } } as const;
    if (this.#options.endpoints === 'inline') return [manifest({ ...serviceEntry, spec: serviceEntrySpec(entry) })];
    const selector = { [entryLabel]: digest(name) };
    const workloads = entry.endpoints.map((endpoint) =>
      manifest({
        ...{ ...common, kind: 'WorkloadEntry', name: workloadName(name, endpoint), labels: { ...owner, ...selector } },
        spec: workloadSpec({ ...endpoint, labels: { ...endpoint.labels, ...selector } }),
      }),
    );
    // A selector before what it selects would take the endpoints away for a moment.
    return [
      ...workloads,
      manifest({ ...serviceEntry, spec: serviceEntrySpec(entry, selector) }, workloads.map(manifestKey)),
    ];
  }

  #remove(host: string): readonly string[] {
    const keys = this.#keys.get(host) ?? [];
    this.#keys.delete(host);
    this.#invalid.delete(host);
    this.#defects.delete(host);
    for (const key of keys) this.#manifests.delete(key);
    return keys;
  }

  #noteInvalid(host: string, reasons: readonly string[]): void {
    const known = this.#invalid.get(host);
    if (reasons.length === 0) this.#invalid.delete(host);
    else this.#invalid.set(host, reasons);
    if (reasons.length > 0 && known?.join() !== reasons.join()) this.#observer.onInvalid(host, reasons);
  }
}

/** Of where the endpoint is, so that a change of anything else changes the object and makes no other. */
function workloadName(entry: string, { address, ports, network }: WorkloadEntry): string {
  const place = digest(JSON.stringify([entry, address, ports, network]));
  // Readable, and yet a DNS name of at most 253 characters.
  const readable = address
    .replace(/[^a-z0-9.-]/g, '-')
    .slice(0, 100)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return `${readable || 'endpoint'}.${place}`.replace(/[.-]+\./g, '.');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}
