/** A large loss of a whole source in a short time. */
export interface MassLossRule {
  /** Share of the serving instances, 0 to 1, that may be lost within {@link windowMs}. */
  readonly share: number;
  /** Instances that may be lost within the window whatever their share; absent: no such bound. */
  readonly count?: number | undefined;
  readonly windowMs: number;
  /** Fewer lost instances than this are never a mass loss. */
  readonly minLost: number;
  readonly maxHoldMs: number;
}

/** A source, namespace or datacenter that seems to have nothing any more. */
export interface EmptyRule {
  /** A scope with fewer serving instances may become empty unheld. */
  readonly minInstances: number;
  readonly windowMs: number;
  readonly maxHoldMs: number;
}

/** An instance that comes and goes. */
export interface FlapRule {
  /** Returns within {@link windowMs} that make it flap. */
  readonly returns: number;
  readonly windowMs: number;
  /** How long it has to stay as it is before it counts again. */
  readonly quietMs: number;
  readonly maxHoldMs: number;
}

/** A reading that is too old to go by. */
export interface StalenessRule {
  /** Age after which what a source published is taken out. */
  readonly maxAgeMs: number;
}

/** Most of a service's instances reported as unhealthy at once. */
export interface MinimumHealthyRule {
  /** Share of a service's instances, 0 to 1, that are kept serving. */
  readonly share: number;
  readonly maxHoldMs: number;
}

/** The guards of one source; undefined: switched off. */
export interface GuardRules {
  readonly massLoss?: MassLossRule | undefined;
  readonly empty?: EmptyRule | undefined;
  readonly flap?: FlapRule | undefined;
  readonly staleness?: StalenessRule | undefined;
  readonly minimumHealthy?: MinimumHealthyRule | undefined;
}

export type GuardName = 'mass-loss' | 'empty' | 'flap' | 'staleness' | 'minimum-healthy' | 'operator';

/** What a guard says of a change. */
export type Verdict =
  | { readonly hold: false }
  | { readonly hold: true; readonly guard: GuardName; readonly reason: string; readonly maxHoldMs: number };

export const letThrough: Verdict = Object.freeze({ hold: false });

const minute = 60_000;

/** What is in force unless configured otherwise. */
export const defaultGuards = {
  massLoss: { share: 0.15, windowMs: minute, minLost: 5, maxHoldMs: 10 * minute },
  empty: { minInstances: 5, windowMs: minute, maxHoldMs: 10 * minute },
  flap: { returns: 6, windowMs: 2 * minute, quietMs: 20_000, maxHoldMs: 5 * minute },
  staleness: { maxAgeMs: 24 * 60 * minute },
} as const satisfies GuardRules;
