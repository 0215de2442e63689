import type { CatalogService, Origin } from '../catalog/catalog.js';
import { type Instance, type Metadata, sameInstance, sameInstances, sameMetadata, samePorts } from '../model/index.js';
import type { ChangedInstance, HostDelta, InstanceBefore, OriginDelta, RemovedInstance } from './entry.js';

const none: CatalogService = { host: '', ports: [], metadata: {}, origins: [], version: '' };

/** What differs from `before` to `after`; undefined stands for a host that is not there. One of the two is. */
export function deltaOf(before: CatalogService | undefined, after: CatalogService | undefined): HostDelta {
  const [old, now] = [before ?? none, after ?? none];
  const oldOrigins = new Map(old.origins.map((origin) => [keyOf(origin), origin]));
  const origins: HostDelta['origins'][number][] = [];
  for (const origin of now.origins) {
    origins.push(originDelta(oldOrigins.get(keyOf(origin)), origin));
    oldOrigins.delete(keyOf(origin));
  }
  for (const { source, service, active, instances } of oldOrigins.values()) {
    origins.push({ source, service, active, added: [], changed: [], removed: instances.map(removedOf), isGone: true });
  }
  return {
    kind: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    version: now.version,
    ...(samePorts(old.ports, now.ports) ? {} : { ports: now.ports, portsBefore: old.ports }),
    ...(sameMetadata(old.metadata, now.metadata) ? {} : { metadata: now.metadata, metadataBefore: old.metadata }),
    origins,
  };
}

/** The state after a change. @returns undefined when the host is gone then */
export function applyDelta(
  host: string,
  before: CatalogService | undefined,
  delta: HostDelta,
): CatalogService | undefined {
  if (delta.kind === 'removed') return undefined;
  const old = before ?? none;
  const oldOrigins = new Map(old.origins.map((origin) => [keyOf(origin), origin]));
  return {
    host,
    ports: delta.ports ?? old.ports,
    metadata: delta.metadata ?? old.metadata,
    origins: delta.origins
      .filter(({ isGone }) => !isGone)
      .map((origin) => ({
        source: origin.source,
        service: origin.service,
        active: origin.active,
        instances: applyInstances(oldOrigins.get(keyOf(origin))?.instances ?? [], origin),
      })),
    version: delta.version,
  };
}

/** A source may have several services of one host: the name tells them apart. */
function keyOf({ source, service }: { readonly source: string; readonly service: string }): string {
  return `${source}\n${service}`;
}

function originDelta(before: Origin | undefined, { source, service, active, instances }: Origin): OriginDelta {
  const base = {
    source,
    service,
    active,
    ...(before === undefined || before.active === active ? {} : { wasActive: before.active }),
  };
  const old = before?.instances ?? [];
  if (sameInstances(old, instances)) return { ...base, added: [], changed: [], removed: [] };
  const left = new Map(old.map((instance) => [instance.id, instance]));
  const added: Instance[] = [];
  const changed: ChangedInstance[] = [];
  for (const instance of instances) {
    const known = left.get(instance.id);
    left.delete(instance.id);
    if (known === undefined) added.push(instance);
    else if (!sameInstance(known, instance)) changed.push({ instance, was: beforeOf(known, instance) });
  }
  return { ...base, added, changed, removed: [...left.values()].map(removedOf) };
}

function applyInstances(before: readonly Instance[], { added, changed, removed }: OriginDelta): readonly Instance[] {
  if (added.length + changed.length + removed.length === 0) return before;
  const instances = new Map(before.map((instance) => [instance.id, instance]));
  for (const { id } of removed) instances.delete(id);
  for (const { instance } of changed) instances.set(instance.id, instance);
  for (const instance of added) instances.set(instance.id, instance);
  // The canonical order of the catalog.
  return [...instances.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function removedOf({ id, address, ports }: Instance): RemovedInstance {
  return { id, address, ports };
}

function beforeOf(old: Instance, now: Instance): InstanceBefore {
  const metadata = metadataBefore(old.metadata, now.metadata);
  return {
    ...(old.address === now.address ? {} : { address: old.address }),
    ...(old.health === now.health ? {} : { health: old.health }),
    ...(old.weight === now.weight ? {} : { weight: old.weight }),
    ...(sameJson(old.ports, now.ports) ? {} : { ports: old.ports }),
    ...(old.locality === undefined || sameJson(old.locality, now.locality) ? {} : { locality: old.locality }),
    ...(old.network === undefined || old.network === now.network ? {} : { network: old.network }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** Of small records. */
function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function metadataBefore(old: Metadata, now: Metadata): Readonly<Record<string, string | null>> | undefined {
  if (sameMetadata(old, now)) return undefined;
  const differing = Object.create(null) as Record<string, string | null>;
  for (const [key, value] of Object.entries(old)) if (now[key] !== value) differing[key] = value;
  for (const key of Object.keys(now)) if (!Object.hasOwn(old, key)) differing[key] = null;
  return differing;
}
