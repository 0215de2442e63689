import { createHash } from 'node:crypto';
import { type Json, managedByIsthmus, marks } from '../../clients/kubernetes/index.js';
import type { CatalogService } from '../../core/catalog/catalog.js';
import { isRecord } from '../../core/model/index.js';
import {
  type ServiceEntry,
  ServiceEntry_Location,
  ServiceEntry_Resolution,
  type WorkloadEntry,
} from '../../proto/gen/service_entry.js';

export const group = 'networking.istio.io';

export type Kind = 'ServiceEntry' | 'WorkloadEntry';

/** Plural of each kind, as it stands in paths. */
export const resources: Readonly<Record<Kind, string>> = {
  ServiceEntry: 'serviceentries',
  WorkloadEntry: 'workloadentries',
};

/** Annotations of what is written. */
export const annotations = {
  /** The sources whose services it was made of, sorted, with commas. */
  sources: 'isthmus.io/sources',
  host: 'isthmus.io/host',
} as const;

/** An object as it should be. */
export interface Manifest {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Json;
  /** Content hash of labels, annotations and spec: 22 characters of base64url. */
  readonly version: string;
  /** Keys of objects that are to be written before this one. */
  readonly after: readonly string[];
}

/** `kind/namespace/name`: unique among all objects of the sink. */
export function manifestKey({ kind, namespace, name }: Pick<Manifest, 'kind' | 'namespace' | 'name'>): string {
  return `${kind}/${namespace}/${name}`;
}

/** Who writes: the field manager, and the labels that say so. */
export interface Owner {
  readonly site: string;
  /** Name of the sink. */
  readonly sink: string;
}

export function fieldManagerOf({ site, sink }: Owner): string {
  return `isthmus/${site}/${sink}`;
}

export function ownerLabels({ site, sink }: Owner): Readonly<Record<string, string>> {
  return { [marks.managedBy]: managedByIsthmus, [marks.site]: site, [marks.owner]: sink };
}

export function manifest(parts: Omit<Manifest, 'version' | 'after'>, after: readonly string[] = []): Manifest {
  return { ...parts, after, version: versionOf(parts) };
}

/** Content hash that does not depend on the order of keys, as the API server gives them in its own. */
export function versionOf({
  labels,
  annotations: notes,
  spec,
}: Pick<Manifest, 'labels' | 'annotations' | 'spec'>): string {
  const text = JSON.stringify(canonical({ labels, annotations: notes, spec }));
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}

/** The sources of the active origins. */
export function sourcesOf(service: CatalogService): string {
  const sources = service.origins.filter(({ active }) => active).map(({ source }) => source);
  return [...new Set(sources)].sort().join(',');
}

/** A ServiceEntry's spec as JSON (protobuf's mapping), without what is not set. */
export function serviceEntrySpec(entry: ServiceEntry, workloadLabels?: Readonly<Record<string, string>>): Json {
  return compact({
    hosts: entry.hosts,
    addresses: entry.addresses,
    ports: entry.ports.map(({ number, protocol, name, targetPort }) =>
      compact({ number, protocol, name, targetPort: targetPort || undefined }),
    ),
    location: locations[entry.location],
    resolution: resolutions[entry.resolution],
    ...(workloadLabels === undefined
      ? { endpoints: entry.endpoints.map(workloadSpec) }
      : { workloadSelector: { labels: workloadLabels } }),
    exportTo: entry.exportTo,
    subjectAltNames: entry.subjectAltNames,
  });
}

/** A WorkloadEntry's spec as JSON, also as it stands among the endpoints of a ServiceEntry. */
export function workloadSpec(entry: WorkloadEntry): Json {
  const { address, ports, labels, network, locality, weight, serviceAccount } = entry;
  return compact({ address, ports, labels, network, locality, weight: weight || undefined, serviceAccount });
}

const locations: Readonly<Record<number, string>> = {
  [ServiceEntry_Location.MESH_EXTERNAL]: 'MESH_EXTERNAL',
  [ServiceEntry_Location.MESH_INTERNAL]: 'MESH_INTERNAL',
};

const resolutions: Readonly<Record<number, string>> = {
  [ServiceEntry_Resolution.NONE]: 'NONE',
  [ServiceEntry_Resolution.STATIC]: 'STATIC',
  [ServiceEntry_Resolution.DNS]: 'DNS',
  [ServiceEntry_Resolution.DNS_ROUND_ROBIN]: 'DNS_ROUND_ROBIN',
};

/** Without what is empty: protobuf does not tell it from what is not there. */
function compact(fields: Readonly<Record<string, unknown>>): Json {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => {
      if (value === undefined || value === '') return false;
      if (Array.isArray(value)) return value.length > 0;
      return !isRecord(value) || Object.keys(value).length > 0;
    }),
  );
}

/** Keys in order, at every depth. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map(canonical);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, canonical(value[key])]),
  );
}
