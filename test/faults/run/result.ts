import type { Latency } from '../ledger/ledger.js';
import type { Violation } from '../ledger/violation.js';
import type { Plan, Step } from '../plan/plan.js';
import type { Sample } from '../subject/samples.js';

export interface StepResult {
  readonly step: Step;
  /** From the heal until everything published was as the registries have it; absent when it never was. */
  readonly convergedMs?: number;
  readonly violations: readonly Violation[];
}

/** What one run did and found. */
export interface RunResult {
  readonly plan: Plan;
  readonly steps: readonly StepResult[];
  /** All, also those outside of a step. */
  readonly violations: readonly Violation[];
  /** Why the run says nothing of what follows: a server of the bed that did not come up, say. */
  readonly trouble?: string;
  readonly latencies: readonly Latency[];
  /** I9; absent when the daemon never answered. */
  readonly before?: Sample;
  readonly samples: readonly Sample[];
  readonly responses: number;
  readonly durationMs: number;
}
