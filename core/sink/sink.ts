import type { Catalog } from '../catalog/catalog.js';

/** An output of the catalog. */
export interface Sink {
  /** Serves until `signal` aborts, then ends what it holds open and settles. A rejection ends the daemon. */
  run(catalog: Catalog, signal: AbortSignal): Promise<void>;
}
