import type { Logger } from 'pino';
import type { ChangeCause, HostChange } from '../catalog/change-cause.js';
import { Ingest, type Shape } from '../catalog/ingest.js';
import { LiveCatalog } from '../catalog/live-catalog.js';
import type { MergePolicy } from '../catalog/merge.js';
import type { Naming } from '../catalog/naming.js';
import { Readiness } from '../catalog/readiness.js';
import { defaultGuards, type GuardRules } from '../guard/rules.js';
import { type DeclaredConsumers, declaredConsumers } from '../source/declared-consumers.js';
import type { Source } from '../source/source.js';
import type { SourceStatus } from '../source/status.js';
import type { Clock } from '../time/index.js';
import type { WarmStore } from '../warm/warm-store.js';
import { RestoredSources } from './restored-sources.js';
import { SourceUnit } from './source-unit.js';

export interface EngineSource {
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly graceMs: number;
  readonly staleAfterMs: number;
  readonly source: Source;
  /** Default: {@link defaultGuards}. */
  readonly guards?: GuardRules;
}

export interface EngineOptions {
  /** In the configuration's order, which is the order of precedence. */
  readonly sources: readonly EngineSource[];
  readonly naming: Naming;
  readonly policyOf: (host: string) => MergePolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between the guards and naming. Default: services stay as they are. */
  readonly shape?: Shape;
  /** Keeps what sources published over restarts. Default: nothing is kept. */
  readonly store?: WarmStore;
  /** How long a source that was restored is waited for before what was restored is served. Default 5 s. */
  readonly restoredGraceMs?: number;
  /** Called about once a second, with the time in milliseconds since the epoch. */
  readonly onTick?: (nowMs: number) => void;
  /** Told of each change of the catalog; not to take long. */
  readonly onChanged?: (changes: readonly HostChange[]) => void;
}

const tickMs = 1000;
/** What is on disk of a source that is fresh is at most so old. */
const trustIntervalMs = 30_000;
const defaultRestoredGraceMs = 5000;
/** How long readers have to take the first catalog before the processor is put to other use: writing it, reading anew. */
const firstTakenMs = 2000;
/** Nobody may be served so long, and it is written all the same. */
const unservedMs = 15_000;

/** Sources, supervised and guarded, into one catalog. */
export class Engine {
  readonly catalog: LiveCatalog;
  readonly #options: EngineOptions;
  readonly #readiness: Readiness;
  readonly #units: readonly SourceUnit[];
  readonly #ingest: Ingest;
  /** Sources that were read whole, and of which all stands in the catalog. */
  readonly #read = new Set<string>();
  readonly #restored: RestoredSources | undefined;

  constructor(options: EngineOptions) {
    const { sources, naming, policyOf, logger, shape, onChanged, clock, store } = options;
    const { restoredGraceMs: graceMs = defaultRestoredGraceMs } = options;
    this.#options = options;
    this.#readiness = new Readiness(sources.filter(({ required }) => required));
    this.catalog = new LiveCatalog({
      sources: sources.map(({ name }) => name),
      naming,
      policyOf,
      readiness: this.#readiness,
      onProblem: (problem) => logger.warn(problem, 'the catalog can not do this as asked'),
      ...(onChanged === undefined ? {} : { onChanged }),
    });
    this.#ingest = new Ingest(this.catalog, shape);
    this.#units = sources.map((source) => this.#unitOf(source));
    const parts = { units: this.#units, ingest: this.#ingest, readiness: this.#readiness };
    this.#restored = store && new RestoredSources({ store, ...parts, graceMs, clock, logger });
  }

  /** Runs all sources until `signal` aborts and each has settled; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, store } = this.#options;
    if (this.#restored) await this.#restored.load(signal);
    const grace = this.#readiness.runGrace(clock, signal, ({ name, graceMs }) => {
      logger.error(
        { source: name, graceMs },
        'a required source was not read in its grace time; the catalog goes out without it',
      );
    });
    const stopStore = new AbortController();
    const storing = store && this.#storeOnceServed(store, signal, stopStore.signal);
    const others = [grace, this.#restored?.standIn(signal), this.#watchTime(signal)];
    if (this.#restored && (await this.#restored.serveLarge())) {
      await clock.sleep(firstTakenMs, signal).catch(() => undefined); // an abort ends the wait
    }
    await Promise.all([...others, ...this.#units.map(({ supervisor }) => supervisor.run(signal))]);
    this.#ingest.stop();
    for (const unit of this.#units) this.#storeTrust(unit);
    stopStore.abort();
    await storing;
  }

  /** In the configuration's order. */
  get units(): readonly SourceUnit[] {
    return this.#units;
  }

  /** Who declares to consume what, of all sources. */
  consumers(): DeclaredConsumers {
    return declaredConsumers(new Map(this.#units.map(({ name, supervisor }) => [name, supervisor.consumers])));
  }

  /** In the configuration's order. */
  statuses(): readonly SourceStatus[] {
    return this.#units.map(({ supervisor }) => supervisor.status());
  }

  /** Whether what a source holds stands in the catalog: it was read whole since the start. There is nothing to read of one that is not configured. */
  isRead(source: string): boolean {
    return this.#read.has(source) || !this.#units.some(({ name }) => name === source);
  }

  /** Required sources that the first answer still waits for, or went out without. */
  get missing(): readonly string[] {
    return this.#readiness.missing;
  }

  /** Has all services shaped anew. */
  reshape(cause: ChangeCause): void {
    this.#ingest.reshape(cause);
  }

  /** Writing all there is at the start takes a processor as long as what readers wait for: it comes after that. */
  async #storeOnceServed(store: WarmStore, signal: AbortSignal, stopped: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const over = new AbortController();
    const within = AbortSignal.any([signal, over.signal]);
    const taken = this.catalog.ready(within).then(() => clock.sleep(firstTakenMs, within));
    await Promise.race([taken, clock.sleep(unservedMs, within)]).catch(() => undefined); // an abort ends the wait
    over.abort();
    await taken.catch(() => undefined);
    await store.run(stopped);
  }

  async #watchTime(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let trustDueMs = clock.now() + trustIntervalMs;
    while (!signal.aborted) {
      await clock.sleep(tickMs, signal).catch(() => undefined); // the loop looks at the abort
      const nowMs = clock.now();
      for (const unit of this.#units) {
        unit.tick(nowMs);
        if (unit.hasNewTrust()) this.#storeTrust(unit);
      }
      this.#options.onTick?.(nowMs);
      if (nowMs < trustDueMs) continue;
      trustDueMs = nowMs + trustIntervalMs;
      for (const unit of this.#units) this.#storeTrust(unit);
    }
  }

  #storeTrust(unit: SourceUnit): void {
    const { store, clock } = this.#options;
    const trust = store && unit.trust(clock.now());
    if (trust) store.trust(unit.name, trust);
  }

  #unitOf({ name, kind, required, staleAfterMs, source, guards = defaultGuards }: EngineSource): SourceUnit {
    const { clock, logger, store } = this.#options;
    const unit = new SourceUnit({
      name,
      kind,
      required,
      staleAfterMs,
      guards,
      source,
      clock,
      logger: logger.child({ source: name }),
      onChange: () => this.#ingest.changed(),
      onSynced: () => {
        this.#readiness.listed(name);
        this.#ingest.whenDrained(name, () => {
          this.#read.add(name);
          unit.listed();
          this.#readiness.synced(name);
          // Said to be whole at once: a kill in the next seconds must not find a disk that does not know.
          this.#storeTrust(unit);
        });
      },
      // Reading fails: what was restored is all there is for now.
      onTrouble: () => this.#restored?.serve(name),
      onAccepted: (service, accepted) => {
        if (accepted) store?.put(name, accepted);
        else store?.remove(name, service);
      },
    });
    this.#ingest.attach(name, unit.guarded);
    return unit;
  }
}
