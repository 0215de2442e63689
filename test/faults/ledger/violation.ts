export type Invariant = 'I1' | 'I2' | 'I3' | 'I4';

/** An invariant that did not hold, with what is needed to look into it. */
export interface Violation {
  readonly invariant: Invariant;
  /** Milliseconds since the start of the run. */
  readonly atMs: number;
  /** Kind of the registry that it is about. */
  readonly registry: string;
  /** `host target`, when it is about one instance. */
  readonly instance?: string;
  readonly what: string;
}
