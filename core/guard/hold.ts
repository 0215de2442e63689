import type { Instance } from '../model/index.js';
import type { GuardName } from './rules.js';

/** Why something is held. Times are milliseconds since the epoch. */
export interface HeldReason {
  readonly guard: GuardName;
  readonly reason: string;
  readonly sinceMs: number;
  /** When it ends at the latest; infinite: when what caused it does. */
  readonly untilMs: number;
}

/** One instance whose loss is not let through. */
export interface HeldInstance extends HeldReason {
  /** As it was let through last. */
  readonly instance: Instance;
}

/** A change that a guard holds back, as operators see it. Times are milliseconds since the epoch. */
export interface HoldStatus {
  readonly source: string;
  /** Name of the service in the registry. */
  readonly service: string;
  readonly guard: GuardName;
  readonly reason: string;
  readonly sinceMs: number;
  /** When it ends by itself; absent: when what caused it does. */
  readonly untilMs?: number;
  /** Ids of the instances, at most 100. */
  readonly instances: readonly string[];
  /** How many instances in all. */
  readonly count: number;
}

/** An operator's order to let no loss through. */
export interface Freeze {
  /** Glob over the services' names in the registry. */
  readonly service: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}
