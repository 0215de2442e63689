/** What an audit found: a fresh, whole reading against what the watches had built. */
export interface AuditReport {
  /** Services that were compared. */
  readonly compared: number;
  /** Differences in all. */
  readonly differences: number;
  /** The first of them, at most 100. */
  readonly found: readonly AuditDifference[];
}

export interface AuditDifference {
  /** `Service.name`. */
  readonly service: string;
  /** What differed, printable, as `instance 10.0.0.1:80 was missed` or `its provider list had changed unseen`. */
  readonly detail: string;
}
