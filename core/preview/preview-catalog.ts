import type { CatalogService } from '../catalog/catalog.js';
import { type CatalogProblem, LiveCatalog } from '../catalog/live-catalog.js';
import type { MergePolicy } from '../catalog/merge.js';
import type { Naming } from '../catalog/naming.js';
import { Readiness } from '../catalog/readiness.js';
import { deltaOf } from '../history/delta.js';
import type { HostDelta } from '../history/entry.js';
import type { Service } from '../model/index.js';
import type { Shaper } from '../shape/shaper.js';

export interface PreviewOptions {
  /** Names of all sources, in the configuration's order. */
  readonly sources: readonly string[];
  readonly naming: Naming;
  readonly policyOf: (host: string) => MergePolicy;
  readonly shaper: Shaper;
  /** What guards let through, by source; a source that is not there has nothing. */
  readonly services: ReadonlyMap<string, readonly Service[]>;
}

export interface Preview {
  readonly services: ReadonlyMap<string, CatalogService>;
  readonly problems: readonly CatalogProblem[];
}

/** The catalog that a configuration would make of what sources have published. Pure but for the shaper's notes. */
export function previewCatalog({ sources, naming, policyOf, shaper, services }: PreviewOptions): Preview {
  const catalog = new LiveCatalog({ sources, naming, policyOf, readiness: new Readiness([]) });
  for (const source of sources) {
    const shaped = (services.get(source) ?? []).map(
      (service) => [service.name, shaper.shape(source, service.name, service)] as const,
    );
    catalog.apply(source, shaped);
  }
  return { services: catalog.snapshot().services, problems: catalog.problems() };
}

/** One host that would differ. */
export interface PlannedChange extends HostDelta {
  readonly host: string;
}

/** Hosts that differ between two catalogs, sorted by host. */
export function plannedChanges(
  before: ReadonlyMap<string, CatalogService>,
  after: ReadonlyMap<string, CatalogService>,
): readonly PlannedChange[] {
  const hosts = [...new Set([...before.keys(), ...after.keys()])].sort();
  return hosts.flatMap((host) => {
    const [old, now] = [before.get(host), after.get(host)];
    return old?.version === now?.version ? [] : [{ host, ...deltaOf(old, now) }];
  });
}
