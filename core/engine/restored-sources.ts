import type { Logger } from 'pino';
import type { Ingest } from '../catalog/ingest.js';
import type { Readiness } from '../catalog/readiness.js';
import type { Clock } from '../time/index.js';
import type { WarmStore } from '../warm/warm-store.js';
import type { SourceUnit } from './source-unit.js';

export interface RestoredSourcesOptions {
  readonly store: WarmStore;
  readonly units: readonly SourceUnit[];
  readonly ingest: Ingest;
  readonly readiness: Readiness;
  /** How long a source that was restored is waited for before what was restored is served. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Registries are listed no faster: 100,000 instances of a ZooKeeper on the same machine take 5 s. */
const listedPerMs = 20;

/** What sources had before a restart, until they are read: when it is served in their place. */
export class RestoredSources {
  readonly #options: RestoredSourcesOptions;
  /** Sources whose services of before the restart stand in the catalog. */
  readonly #standing = new Set<string>();
  #isGraceOver = false;

  constructor(options: RestoredSourcesOptions) {
    this.#options = options;
  }

  /** Reads what is on disk, and puts it on its way into the catalog. Never rejects. */
  async load(signal: AbortSignal): Promise<void> {
    const { store, units, ingest, logger } = this.#options;
    try {
      const stored = await store.load(signal, new Set(units.map(({ name }) => name)));
      for (const unit of units) {
        const source = stored.get(unit.name);
        if (!source || !unit.restore(source)) continue;
        // An older state would take back what readers have been told since; it serves when the grace of the source is over.
        if (source.isOlder !== true) ingest.whenDrained(unit.name, () => this.#stands(unit.name));
      }
    } catch (error) {
      if (!signal.aborted) logger.error({ err: error }, 'what was kept on disk cannot be read; starting without it');
    }
  }

  /**
   * Serves at once what no listing can replace within the grace: reading would only take the processor from it.
   * @returns whether all that is required is served
   */
  async serveLarge(): Promise<boolean> {
    const { units, ingest, readiness, graceMs } = this.#options;
    const restored = units.filter(({ supervisor }) => supervisor.restoredMs !== undefined);
    const instances = restored.reduce((sum, { reported }) => sum + reported.instanceCount, 0);
    if (restored.length === 0 || instances < listedPerMs * graceMs) return false;
    await Promise.all(restored.map(({ name }) => new Promise<void>((resolve) => ingest.whenDrained(name, resolve))));
    for (const { name } of restored) this.serve(name);
    return readiness.isReady;
  }

  /** Serves what no source was read in place of, once the grace is over. */
  async standIn(signal: AbortSignal): Promise<void> {
    const { clock, graceMs } = this.#options;
    await clock.sleep(graceMs, signal).catch(() => undefined); // only the abort ends it early
    if (signal.aborted) return;
    this.#isGraceOver = true;
    for (const name of [...this.#standing]) this.serve(name);
  }

  /** Serves what was restored of a source, if it stands in the catalog and was not served yet. */
  serve(name: string): void {
    if (this.#standing.delete(name)) this.#options.readiness.standIn(name);
  }

  #stands(name: string): void {
    this.#standing.add(name);
    if (this.#isGraceOver) this.serve(name);
  }
}
