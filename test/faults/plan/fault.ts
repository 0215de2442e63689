import type { Endpoints } from '../ledger/entry.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Registry, RegistryKind } from '../registries/registry.js';
import type { Subject } from '../subject/subject.js';
import type { Clients } from '../workload/clients.js';
import type { Random } from './random.js';

/** What a fault may touch. */
export interface FaultContext {
  /** The registry it is on; for a fault of the daemon any of the run's. */
  readonly registry: Registry;
  /** All of the run. */
  readonly registries: readonly Registry[];
  readonly clients: Clients;
  /** Begins the names of all services of the registry in this run. */
  readonly scope: string;
  readonly subject: Subject;
  readonly ledger: Ledger;
  readonly random: Random;
  /** What is published now. */
  published(): Endpoints;
  /** I2 does not hold, in a way that the ledger can't see. */
  violate(what: string): void;
  /** The registry's clients make no more changes until everything has converged. */
  pauseClients(): void;
}

/** Ends a fault; resolves when servers that were away serve again. */
export interface Heal {
  run(): Promise<void>;
  /** How much later than the heal everything must be as the registry has it: a hold of the guards, say. */
  readonly graceMs?: number;
}

/** How long the daemon's guards hold a loss back in the runs: long enough to see it, short enough to see its end. */
export const maxHoldMs = 15_000;

/** A row of the matrix: something that is done to registries, or to the daemon, and undone. */
export interface Fault {
  readonly id: string;
  /** As the table in docs/faults.md names it. */
  readonly title: string;
  readonly on: 'registry' | 'isthmus';
  /** Kinds it can be put on. */
  readonly kinds: readonly RegistryKind[];
  /** How long it may last, in milliseconds; 0 for one that is over at once. */
  readonly durationsMs: readonly number[];
  /** What it is there to break. */
  readonly invariants: string;
  inject(context: FaultContext): Promise<Heal>;
}
