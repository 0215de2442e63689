import type { CatalogService } from './catalog.js';

/** Why something in the catalog changed. */
export type ChangeCause =
  /** A source published it. */
  | { readonly kind: 'registry' }
  /** It was read from the disk at the start. */
  | { readonly kind: 'restored' }
  /** A guard changed what is let through: a hold ran out, an instance that flaps was damped, a reading became too old. */
  | { readonly kind: 'guard'; readonly detail: string }
  /** An operator released, held or quarantined. */
  | { readonly kind: 'operator'; readonly detail: string };

/** One host that changed, with all that is needed to write history. */
export interface HostChange {
  readonly host: string;
  /** Absent: the host is new. */
  readonly before?: CatalogService;
  /** Absent: the host is gone. */
  readonly after?: CatalogService;
  /** Source whose service made it change. */
  readonly source: string;
  /** That service's name in the registry's own terms. */
  readonly service: string;
  readonly cause: ChangeCause;
  /** Revision of the catalog, of this process. */
  readonly revision: number;
}

export const registryCause: ChangeCause = { kind: 'registry' };
export const restoredCause: ChangeCause = { kind: 'restored' };
