import type { Instance, Metadata, Port } from '../model/index.js';

/** What one source says of a host. */
export interface Origin {
  /** Name of the source. */
  readonly source: string;
  /** Name of the service in that registry's own terms. */
  readonly service: string;
  /** Of the service there, as naming templates have them; not a part of the content's hash: they go with the name. */
  readonly attributes?: Metadata;
  /** Sorted by id; what an earlier origin already has (same address and ports) is not here again. */
  readonly instances: readonly Instance[];
  /** False: known, but merged out by policy (a fallback that is not needed, or a clash). */
  readonly active: boolean;
}

/** One mesh host: the merge of everything that sources say of it. Immutable; a change makes a new one. */
export interface CatalogService {
  /** Lower-case DNS name, the key of the catalog. */
  readonly host: string;
  readonly ports: readonly Port[];
  readonly metadata: Metadata;
  /** In order of precedence. */
  readonly origins: readonly Origin[];
  /** Content hash, equal on every replica and after every restart: 22 characters of base64url. */
  readonly version: string;
}

/** What changed since the reader's last change. */
export interface Change {
  /** Grows by one or more with each change; of this process only. */
  readonly revision: number;
  /** The first change: `upserts` is everything there is. */
  readonly reset: boolean;
  readonly upserts: readonly CatalogService[];
  /** Hosts that are gone. */
  readonly removes: readonly string[];
}

export interface Snapshot {
  readonly revision: number;
  readonly services: ReadonlyMap<string, CatalogService>;
}

/** The merged, versioned state that all sinks watch. */
export interface Catalog {
  /** Now; empty before {@link ready}, so that nobody takes an unread registry for an empty one. */
  snapshot(): Snapshot;
  /** Whether every required source is synced, or its grace is over. Never goes back. */
  readonly isReady: boolean;
  /** Resolves when {@link isReady}; rejects with the signal's reason. */
  ready(signal: AbortSignal): Promise<void>;
  /**
   * First everything, once the catalog is ready, then coalesced changes. A slow reader skips revisions; nothing is
   * queued for it but the names of what changed. Ends when `signal` aborts.
   */
  watch(signal: AbortSignal): AsyncIterable<Change>;
}

/** The instances that count, with the source each came from. */
export function* activeInstances(service: CatalogService): Generator<{ instance: Instance; source: string }> {
  for (const origin of service.origins) {
    if (!origin.active) continue;
    for (const instance of origin.instances) yield { instance, source: origin.source };
  }
}
