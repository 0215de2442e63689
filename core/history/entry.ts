import type { ChangeCause } from '../catalog/change-cause.js';
import type { Instance, Metadata, Port } from '../model/index.js';

/** Why a host changed. What differs after a restart from before it has no event of a registry behind it. */
export type HistoryCause =
  | ChangeCause
  /** Found when the daemon came up: it changed while the daemon was away. */
  | { readonly kind: 'restart' }
  /** The same, and the daemon came up with another configuration. */
  | { readonly kind: 'config' };

/** An instance that is gone, as far as one needs to find it. */
export type RemovedInstance = Pick<Instance, 'id' | 'address' | 'ports'>;

/** What of an instance was otherwise before; keys that are the same are left out. */
export interface InstanceBefore extends Partial<Omit<Instance, 'id' | 'metadata'>> {
  /** Only the entries that differ; null: there was none. */
  readonly metadata?: Readonly<Record<string, string | null>>;
}

export interface ChangedInstance {
  readonly instance: Instance;
  readonly was: InstanceBefore;
}

/** What changed of one origin. */
export interface OriginDelta {
  readonly source: string;
  /** Name of the service in that registry's own terms. */
  readonly service: string;
  /** False: merged out by policy. */
  readonly active: boolean;
  /** Absent: it is as active as it was. */
  readonly wasActive?: boolean;
  readonly added: readonly Instance[];
  readonly changed: readonly ChangedInstance[];
  readonly removed: readonly RemovedInstance[];
}

/** What differs between two states of one host. Applying it to the first gives the second. */
export interface HostDelta {
  readonly kind: 'added' | 'changed' | 'removed';
  /** Content hash of the second state; empty when the host is gone. */
  readonly version: string;
  /** Absent: the same. */
  readonly ports?: readonly Port[];
  readonly portsBefore?: readonly Port[];
  readonly metadata?: Metadata;
  readonly metadataBefore?: Metadata;
  /** In order, those that are there now; then those that are gone, with `isGone`. */
  readonly origins: readonly (OriginDelta & { readonly isGone?: true })[];
}

/** One change of one host. */
export interface ChangeEntry extends HostDelta {
  /** Milliseconds since the epoch; never less than that of the entry before. */
  readonly atMs: number;
  readonly host: string;
  /** Source whose service made it change. */
  readonly source: string;
  readonly service: string;
  readonly cause: HistoryCause;
}

/** Something about the history itself. */
export type MarkEntry =
  | {
      readonly kind: 'started';
      readonly atMs: number;
      /** Of Isthmus. */
      readonly version: string;
      /** Hash of the configuration. */
      readonly config: string;
      readonly configChanged: boolean;
    }
  | { readonly kind: 'stopped'; readonly atMs: number }
  /** From here to the next entry, changes were not recorded: the disk was full or slow. */
  | { readonly kind: 'gap'; readonly atMs: number; readonly dropped: number };

export type HistoryEntry = ChangeEntry | MarkEntry;

export function isChange(entry: HistoryEntry): entry is ChangeEntry {
  return entry.kind === 'added' || entry.kind === 'changed' || entry.kind === 'removed';
}
