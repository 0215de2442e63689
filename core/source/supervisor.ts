import type { Logger } from 'pino';
import type { Consumer, Rejection, Service } from '../model/index.js';
import { type BackoffOptions, backoffMs, type Clock, deferred } from '../time/index.js';
import { AuditLog } from './audit-log.js';
import type { AuditReport } from './audit-report.js';
import { ConsumerTable } from './consumer-table.js';
import { Notices } from './notices.js';
import type { Source, SourceOutput, SourceRecord } from './source.js';
import { SourceHealth } from './source-health.js';
import type { SourceTable } from './source-table.js';
import type { SourceStatus } from './status.js';
import { causeOf, TroubleLog } from './trouble-log.js';

export interface SupervisorOptions {
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly staleAfterMs: number;
  readonly source: Source;
  readonly table: SourceTable;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when the source is synced for the first time. */
  readonly onSynced: () => void;
  /** Called each time that reading fails. */
  readonly onTrouble?: () => void;
  readonly backoff?: BackoffOptions;
  readonly random?: () => number;
}

const defaultBackoff: BackoffOptions = { baseMs: 500, maxMs: 30_000 };
/** A source that was told to stop has a second, and half of one for a busy machine. */
const stopDeadlineMs = 1500;
const shownRejections = 20;

/** Keeps one source running: restarts it with back-off and says how far what it published can be trusted. */
export class SourceSupervisor {
  readonly #options: SupervisorOptions;
  readonly #health: SourceHealth;
  readonly #troubles: TroubleLog;
  readonly #notices: Notices;
  /** Who declares to consume what, by the registry's names. */
  readonly consumers = new ConsumerTable();
  readonly #audits: AuditLog;
  #failures = 0;
  #attempt = 0;
  /** When the present run listed everything first. */
  #listedMs: number | undefined;
  #lastChangeMs: number | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#health = new SourceHealth(options.clock.now(), options.staleAfterMs);
    this.#troubles = new TroubleLog(options.logger);
    this.#notices = new Notices(options.logger);
    this.#audits = new AuditLog(options.logger);
  }

  get name(): string {
    return this.#options.name;
  }

  get synced(): boolean {
    return this.#health.synced;
  }

  /** Runs the source again and again until `stop` aborts; never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    // Of its own: what a source hangs on its signal is no load on the one that all sources share.
    const signal = AbortSignal.any([stop]);
    const { clock, backoff = defaultBackoff, random } = this.#options;
    while (!signal.aborted) {
      const error = await this.#runOnce(signal);
      if (signal.aborted) return;
      this.#failures++;
      // Only a run that went well for a while is a new beginning: one that lists and fails at once would list for ever.
      if (this.#listedMs !== undefined && clock.now() - this.#listedMs >= backoff.maxMs) this.#attempt = 0;
      this.#listedMs = undefined;
      this.#health.degraded(causeOf(error), undefined, clock.now());
      this.#options.onTrouble?.();
      const waitMs = backoffMs(this.#attempt++, backoff, random);
      this.#troubles.note(error, undefined, clock.now(), { retryInMs: waitMs });
      await clock.sleep(waitMs, signal).catch(() => undefined); // only an abort rejects, and the loop looks at it
    }
  }

  /** What is published was read from the disk, and was as the registry said at `confirmedMs`. */
  restored(confirmedMs: number): void {
    this.#health.restored(confirmedMs);
  }

  /** When what was restored was as the registry said; undefined when nothing was, or everything has been read since. */
  get restoredMs(): number | undefined {
    return this.#health.restoredMs;
  }

  /** A scope that cannot be read still could not be read before a restart either, since `sinceMs`. */
  backdate(scope: string, sinceMs: number): void {
    this.#health.backdate(scope, sinceMs);
  }

  /** What cannot be read, and since when, by scope; the empty scope is the whole source. */
  behind(): ReadonlyMap<string, number> {
    return this.#health.behind();
  }

  status(): SourceStatus {
    const { name, kind, required, clock, table } = this.#options;
    return {
      name,
      kind,
      required,
      synced: this.#health.synced,
      status: this.#health.state(clock.now()),
      services: table.services.size,
      instances: table.instanceCount,
      rejected: table.rejectedCount,
      rejections: firstRejections(table),
      failures: this.#failures,
      notices: this.#notices.list(),
      ...(this.#audits.last === undefined ? {} : { audit: this.#audits.last }),
      ...(this.#lastChangeMs === undefined ? {} : { lastChangeMs: this.#lastChangeMs }),
    };
  }

  /**
   * Audits now, beside the watches. An audit that is going on already is joined.
   * @throws Error when the source cannot be audited, is not synced, or could not be read whole
   */
  audit(signal: AbortSignal): Promise<AuditReport> {
    const { source, clock } = this.#options;
    if (source.audit === undefined)
      throw new Error('this kind of source has nothing to audit: each of its reads is whole');
    if (!this.#health.synced || this.#listedMs === undefined)
      throw new Error('the source is not connected; it lists everything when it is');
    const audit = source.audit.bind(source);
    return this.#audits.run(audit, clock, signal);
  }

  /** The registry's own records behind a service, as the source reads them now; undefined when it can't. */
  async records(service: string, signal: AbortSignal): Promise<readonly SourceRecord[] | undefined> {
    return this.#options.source.records?.(service, signal);
  }

  /** @returns why the run ended; after an abort, whatever came first */
  async #runOnce(signal: AbortSignal): Promise<Error> {
    const ended = new AbortController();
    const deadline = stopDeadline(signal);
    try {
      const run = this.#options.source.run(this.#output(AbortSignal.any([signal, ended.signal])), signal);
      run.catch(() => undefined); // one that rejects after the deadline is of no interest any more
      await Promise.race([run, deadline.passed]);
      if (signal.aborted) return new Error('stopped');
      return new Error('the source ended by itself');
    } catch (error) {
      if (error === deadline.reason) this.#options.logger.error('source did not stop in time; it is left behind');
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      deadline.clear();
      ended.abort();
    }
  }

  /** Inert once `signal` aborts: a run that is over can't publish any more. */
  #output(signal: AbortSignal): SourceOutput {
    const { table, logger, clock, onSynced } = this.#options;
    const health = this.#health;
    const changed = () => {
      this.#lastChangeMs = clock.now();
    };
    return {
      published: () => table.services,
      replaceAll: (services: Iterable<Service>) => {
        if (signal.aborted) return;
        table.replaceAll(services);
        changed();
        const wasSynced = health.synced;
        const before = health.state(clock.now());
        health.listed(clock.now());
        this.#listedMs ??= clock.now();
        this.#troubles.over();
        if (!wasSynced) {
          logger.info({ services: table.services.size, instances: table.instanceCount }, 'source synced');
          onSynced();
        } else if (before.state !== 'fresh') {
          logger.info({ afterMs: clock.now() - before.sinceMs }, 'source is fresh again');
        }
      },
      upsert: (service: Service) => {
        if (signal.aborted) return;
        table.upsert(service);
        changed();
      },
      remove: (name: string) => {
        if (signal.aborted) return;
        table.remove(name);
        changed();
      },
      degraded: (reason: Error, scope?: string) => {
        if (signal.aborted) return;
        health.degraded(causeOf(reason), scope, clock.now());
        this.#options.onTrouble?.();
        this.#troubles.note(reason, scope, clock.now());
      },
      recovered: (scope?: string) => {
        if (signal.aborted) return;
        this.#troubles.over(scope);
        if (health.recovered(scope, clock.now()) && health.isFresh) {
          logger.info({ scope }, 'source is fresh again');
        }
      },
      notice: (key: string, text: string | undefined) => {
        if (!signal.aborted) this.#notices.set(key, text, clock.now());
      },
      consumers: (service: string, consumers: readonly Consumer[]) => {
        if (!signal.aborted) this.consumers.set(service, consumers);
      },
      audited: (report: AuditReport) => {
        if (!signal.aborted) this.#audits.note(report, clock.now());
      },
    };
  }
}

function firstRejections(table: SourceTable): (Rejection & { service: string })[] {
  const found: (Rejection & { service: string })[] = [];
  if (table.rejectedCount === 0) return found;
  for (const service of table.services.values()) {
    for (const rejection of service.rejected ?? []) {
      found.push({ ...rejection, service: service.name });
      if (found.length >= shownRejections) return found;
    }
  }
  return found;
}

/** A promise that rejects when `signal` has been aborted for longer than a source may take. */
function stopDeadline(signal: AbortSignal): { passed: Promise<never>; reason: Error; clear: () => void } {
  const reason = new Error('the source did not stop in time');
  let timer: NodeJS.Timeout | undefined;
  const { promise, reject } = deferred<never>();
  const start = () => {
    timer = setTimeout(() => reject(reason), stopDeadlineMs);
  };
  if (signal.aborted) start();
  else signal.addEventListener('abort', start, { once: true });
  return {
    passed: promise,
    reason,
    clear: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', start);
    },
  };
}
