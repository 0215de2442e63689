import type { Secret } from '../../../core/plugin/index.js';

/** What every route needs to ask one provider once. */
export interface Ask {
  readonly application: string;
  readonly revision: string;
  readonly basicAuth: Secret | undefined;
  /** Longest answer, bytes. */
  readonly maxBytes: number;
  /** Aborts at the deadline, or when nobody wants the answer any more. */
  readonly signal: AbortSignal;
}
