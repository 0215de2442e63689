import type { Logger } from 'pino';
import { Ingest } from '../catalog/ingest.js';
import { LiveCatalog } from '../catalog/live-catalog.js';
import type { MergePolicy } from '../catalog/merge.js';
import type { Naming } from '../catalog/naming.js';
import { Readiness } from '../catalog/readiness.js';
import type { Source } from '../source/source.js';
import { SourceTable } from '../source/source-table.js';
import type { SourceStatus } from '../source/status.js';
import { SourceSupervisor } from '../source/supervisor.js';
import type { Clock } from '../time/index.js';

export interface EngineSource {
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly graceMs: number;
  readonly staleAfterMs: number;
  readonly source: Source;
}

export interface EngineOptions {
  /** In the configuration's order, which is the order of precedence. */
  readonly sources: readonly EngineSource[];
  readonly naming: Naming;
  readonly policyOf: (host: string) => MergePolicy;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Sources, supervised, into one catalog. */
export class Engine {
  readonly catalog: LiveCatalog;
  readonly #readiness: Readiness;
  readonly #supervisors: readonly SourceSupervisor[];
  readonly #ingest: Ingest;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor({ sources, naming, policyOf, clock, logger }: EngineOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#readiness = new Readiness(sources.filter(({ required }) => required));
    this.catalog = new LiveCatalog({
      sources: sources.map(({ name }) => name),
      naming,
      policyOf,
      readiness: this.#readiness,
      onProblem: (problem) => logger.warn(problem, 'the catalog can not do this as asked'),
    });
    this.#ingest = new Ingest(this.catalog);
    this.#supervisors = sources.map((source) => this.#supervise(source));
  }

  /** Runs all sources until `signal` aborts and each has settled; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const grace = this.#readiness.runGrace(this.#clock, signal, ({ name, graceMs }) => {
      this.#logger.error(
        { source: name, graceMs },
        'a required source was not read in its grace time; the catalog goes out without it',
      );
    });
    await Promise.all([grace, ...this.#supervisors.map((supervisor) => supervisor.run(signal))]);
    this.#ingest.stop();
  }

  /** In the configuration's order. */
  statuses(): readonly SourceStatus[] {
    return this.#supervisors.map((supervisor) => supervisor.status());
  }

  /** Required sources that the first answer still waits for, or went out without. */
  get missing(): readonly string[] {
    return this.#readiness.missing;
  }

  #supervise({ name, kind, required, staleAfterMs, source }: EngineSource): SourceSupervisor {
    const table = new SourceTable(() => this.#ingest.changed());
    this.#ingest.attach(name, table);
    return new SourceSupervisor({
      name,
      kind,
      required,
      staleAfterMs,
      source,
      table,
      clock: this.#clock,
      logger: this.#logger.child({ source: name }),
      onSynced: () => {
        this.#readiness.listed(name);
        this.#ingest.whenDrained(name, () => this.#readiness.synced(name));
      },
    });
  }
}
