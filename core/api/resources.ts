import type { CatalogService, Origin } from '../catalog/catalog.js';
import type { CatalogProblem } from '../catalog/live-catalog.js';
import type { Freeze, HoldStatus } from '../guard/hold.js';
import type { HistoryEntry, MarkEntry } from '../history/entry.js';
import type { HostDifference } from '../history/history.js';
import type { Consumer, Instance, Metadata, Port, RegistryRule, Service } from '../model/index.js';
import type { QuarantineEntry } from '../shape/quarantine.js';
import type { ConnectedClient, SinkStatus } from '../sink/sink.js';
import type { SourceStatus } from '../source/status.js';

/** The JSON of the REST API, below `/api/v1`; server and command line share it. */
export interface ServiceResource {
  readonly host: string;
  readonly ports: readonly Port[];
  readonly metadata: Metadata;
  /** Content hash. */
  readonly version: string;
  /** In order of precedence. */
  readonly origins: readonly Origin[];
}

export function toServiceResource({ host, ports, metadata, version, origins }: CatalogService): ServiceResource {
  return { host, ports, metadata, version, origins };
}

/** One instance, with where it belongs and where it came from. */
export interface InstanceResource extends Instance {
  readonly host: string;
  readonly source: string;
  /** The service's name in the registry. */
  readonly service: string;
  /** False: merged out by policy. */
  readonly active: boolean;
}

export function* toInstanceResources({ host, origins }: ServiceResource): Generator<InstanceResource> {
  for (const { source, service, active, instances } of origins) {
    for (const instance of instances) yield { host, source, service, active, ...instance };
  }
}

/** A page of a list. */
export interface Page<Item> {
  /** Revision of the catalog that the page shows; 0 for a catalog of the past. */
  readonly revision: number;
  /** The time that was asked for, when it is not now. */
  readonly atMs?: number;
  readonly items: readonly Item[];
  /** Where the next page goes on, for the query parameter `continue`; absent on the last. */
  readonly continue?: string;
}

export interface SourceList {
  readonly items: readonly SourceStatus[];
}

export interface SinkList {
  readonly items: readonly (SinkStatus & { readonly name: string; readonly kind: string })[];
}

/** What the catalog could not do as asked: clashing merges, services without a host. */
export interface ProblemList {
  /** The first 1000. */
  readonly items: readonly CatalogProblem[];
  readonly total: number;
}

/**
 * A line of `GET /api/v1/services?watch=true`: `reset` before everything there is, then `upsert` and `remove`, `sync`
 * after the last of a revision, and `heartbeat` when there is nothing to tell.
 */
export type WatchEvent =
  | { readonly type: 'reset' | 'sync'; readonly revision: number }
  | { readonly type: 'upsert'; readonly revision: number; readonly service: ServiceResource }
  | { readonly type: 'remove'; readonly revision: number; readonly host: string }
  | { readonly type: 'heartbeat' };

/** What guards hold back, and the operators' orders to hold. */
export interface GuardList {
  readonly items: readonly HoldStatus[];
  readonly freezes: readonly (Freeze & { readonly source: string })[];
}

/** What a release let go: services, and orders to hold. */
export interface GuardRelease {
  readonly services: number;
  readonly freezes: number;
}

/** Services of a source as its guards let them through, a page by name. */
export interface AcceptedServices {
  readonly items: readonly Service[];
  readonly continue?: string;
}

/** Who declares to consume what: the edges of the service map. */
export interface ConsumerList {
  /** The first 10,000. */
  readonly items: readonly ConsumerResource[];
  readonly total: number;
}

export interface ConsumerResource extends Consumer {
  readonly source: string;
  /** The service's name in the registry. */
  readonly service: string;
}

/** Who is connected to the sinks. */
export interface ClientList {
  /** The first 10,000. */
  readonly items: readonly ClientResource[];
  readonly total: number;
}

export interface ClientResource extends ConnectedClient {
  /** Name of the sink. */
  readonly sink: string;
  readonly kind: string;
}

/** Rules that registries have for their services. */
export interface RuleList {
  /** The first 10,000. */
  readonly items: readonly RuleResource[];
  readonly total: number;
}

export interface RuleResource extends RegistryRule {
  readonly source: string;
  /** The service's name in the registry. */
  readonly service: string;
}

/** Instances that get no traffic, by the configuration or by operators. */
export interface QuarantineList {
  readonly items: readonly QuarantineResource[];
}

export interface QuarantineResource extends QuarantineEntry {
  /** Instances that it is about now. */
  readonly matches: number;
}

/** An entry that was added, or would be. */
export interface QuarantineAdded {
  readonly entry: QuarantineEntry;
  /** Whether it will be there after a restart. */
  readonly kept: boolean;
  /** Instances that it is about now. */
  readonly matches: number;
  /** The first 1000 of them. */
  readonly instances: readonly { readonly source: string; readonly service: string; readonly instance: string }[];
}

export interface QuarantineRemoved {
  /** Whether it will be gone after a restart. */
  readonly kept: boolean;
}

/** What keeps the daemon from serving. */
export interface Readiness {
  readonly ready: boolean;
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
}

/** A page of what happened, oldest first. */
export interface HistoryList {
  readonly items: readonly HistoryEntry[];
  /** Where the next page goes on; absent on the last. */
  readonly continue?: string;
}

/** A page of what differs between two moments, by host. */
export interface DiffList {
  readonly items: readonly HostDifference[];
  /** Starts, stops and gaps of the history between them. */
  readonly marks: readonly MarkEntry[];
  readonly continue?: string;
}

/** An error, `application/problem+json` (RFC 9457). */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
}
