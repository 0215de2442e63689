import type { Freeze } from '../guard/hold.js';
import type { Service } from '../model/index.js';

/** A removal that a guard held back when the state was written; it resumes with the age it had. */
export interface StoredHold {
  /** `Service.name`. */
  readonly service: string;
  /** Name of the guard. */
  readonly guard: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Ids of the instances. */
  readonly instances: readonly string[];
}

/** How far what is stored of a source can be trusted. */
export interface StoredTrust {
  /** When the source was last known to be as the registry says, in milliseconds since the epoch. */
  readonly confirmedMs: number;
  /** Scopes that were not, and since when; the empty scope is the whole source. */
  readonly degraded: readonly { readonly scope: string; readonly sinceMs: number }[];
  readonly holds: readonly StoredHold[];
  /** Operators' orders to let no loss through. */
  readonly freezes: readonly Freeze[];
}

/** What the disk has of one source: the services as guards let them through, before shaping, naming and merging. */
export interface StoredSource {
  readonly services: readonly Service[];
  readonly trust: StoredTrust;
  /** The newest part was damaged, or could not be written: this may be an older state than the one that was published last. */
  readonly isOlder?: boolean;
}

/**
 * Keeps what sources published over restarts. Writing never fails towards the caller: a full disk is a status and a
 * retry, and the mesh goes on. The cost of a change is that of its service.
 */
export interface WarmStore {
  /**
   * What stands on the disk, by the name of the source. What is torn or foreign is set aside with a warning.
   * @param sources those that are configured: what there is of others is not read
   */
  load(signal: AbortSignal, sources: ReadonlySet<string>): Promise<ReadonlyMap<string, StoredSource>>;
  put(source: string, service: Service): void;
  remove(source: string, name: string): void;
  /** Told at least once a minute for each source, and when holds change. */
  trust(source: string, trust: StoredTrust): void;
  /** Writes until `signal` aborts, then what is left, and settles. */
  run(signal: AbortSignal): Promise<void>;
}
