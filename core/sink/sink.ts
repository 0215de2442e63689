import type { Catalog } from '../catalog/catalog.js';

/** An output of the catalog. */
export interface Sink {
  /** Serves until `signal` aborts, then ends what it holds open and settles. A rejection ends the daemon. */
  run(catalog: Catalog, signal: AbortSignal): Promise<void>;
  /** What operators see of it; safe to call at any time. */
  status(): SinkStatus;
}

export interface SinkStatus {
  /**
   * `HOST:PORT` once it takes connections; absent before, and for sinks that take none. Sources are not run before each
   * sink is listening or ready, so a sink that takes no connections is `ready` without waiting for the catalog.
   */
  readonly listening?: string;
  /** Whether it does its work: a daemon is ready when each of its sinks is. */
  readonly ready: boolean;
}
