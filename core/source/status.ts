import type { Rejection } from '../model/index.js';
import type { AuditDifference } from './audit-report.js';

/** How far what a source published can be trusted. Times are milliseconds since the epoch. */
export type SourceState =
  /** Nothing was ever read. */
  | { readonly state: 'starting'; readonly sinceMs: number; readonly cause?: string }
  /** Nothing was read since the start; what is published is of before it, as it was confirmed last at `confirmedMs`. */
  | { readonly state: 'restored'; readonly sinceMs: number; readonly confirmedMs: number; readonly cause?: string }
  /** What is published is what the registry says. */
  | { readonly state: 'fresh'; readonly sinceMs: number }
  /** Reading fails or is behind, in whole or in the scopes named; what was read last stays published. */
  | { readonly state: 'degraded'; readonly sinceMs: number; readonly cause: string; readonly scopes: readonly string[] }
  /** Degraded for longer than the source's `staleAfterMs`. */
  | { readonly state: 'stale'; readonly sinceMs: number; readonly cause: string; readonly scopes: readonly string[] };

/** What operators should know of a registry though it is read whole. */
export interface SourceNotice {
  readonly key: string;
  readonly text: string;
  readonly sinceMs: number;
}

/** The last audit, and what all have found. */
export interface AuditStatus {
  readonly atMs: number;
  readonly compared: number;
  readonly differences: number;
  /** The first of them, at most 20. */
  readonly found: readonly AuditDifference[];
  /** Audits since the start. */
  readonly audits: number;
  /** Differences since the start. */
  readonly totalDifferences: number;
}

export interface SourceStatus {
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly synced: boolean;
  readonly status: SourceState;
  readonly services: number;
  readonly instances: number;
  /** Records left out, in all. */
  readonly rejected: number;
  /** The first of them, at most 20, with the service that each belongs to. */
  readonly rejections: readonly (Rejection & { readonly service: string })[];
  /** Runs that ended in an error since the start. */
  readonly failures: number;
  readonly notices: readonly SourceNotice[];
  /** Absent before the first audit. */
  readonly audit?: AuditStatus;
  /** When something was published last. */
  readonly lastChangeMs?: number;
}
