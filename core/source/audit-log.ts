import type { Logger } from 'pino';
import { type Clock, deferred } from '../time/index.js';
import type { AuditReport } from './audit-report.js';
import type { AuditStatus } from './status.js';

const maxLoggedDifferences = 20;

interface Running {
  readonly report: Promise<AuditReport>;
  readonly stop: AbortController;
  /** Who waits for it; it goes on until the last of them is gone. */
  callers: number;
}

/** Counts and logs what audits of one source find. */
export class AuditLog {
  readonly #logger: Logger;
  #last: AuditStatus | undefined;
  #running: Running | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The last audit that ended, and the count of all differences since the start; undefined before the first. */
  get last(): AuditStatus | undefined {
    return this.#last;
  }

  /**
   * Runs an audit on demand; joins the one that goes on.
   * @param signal of the caller, who alone is let go when it aborts
   */
  async run(
    audit: (signal: AbortSignal) => Promise<AuditReport>,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<AuditReport> {
    signal.throwIfAborted();
    const running = this.#running ?? this.#begin(audit, clock);
    running.callers++;
    const gone = deferred<never>();
    const leave = () => gone.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([running.report, gone.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      running.callers--;
      if (running.callers === 0) {
        // It may take its time to end; who comes meanwhile begins another.
        this.#end(running);
        running.stop.abort(new Error('nobody waits for the audit any more'));
      }
    }
  }

  #begin(audit: (signal: AbortSignal) => Promise<AuditReport>, clock: Clock): Running {
    const stop = new AbortController();
    const once = async () => {
      const report = await audit(stop.signal);
      this.note(report, clock.now());
      return report;
    };
    const running: Running = { report: once(), stop, callers: 0 };
    this.#running = running;
    const end = () => this.#end(running);
    running.report.then(end, end); // a failure is told to those who wait
    return running;
  }

  /** Nobody joins it any more. */
  #end(running: Running): void {
    if (this.#running === running) this.#running = undefined;
  }

  note(report: AuditReport, nowMs: number): void {
    const { compared, differences, found } = report;
    this.#last = {
      atMs: nowMs,
      compared,
      differences,
      found: found.slice(0, maxLoggedDifferences),
      audits: (this.#last?.audits ?? 0) + 1,
      totalDifferences: (this.#last?.totalDifferences ?? 0) + differences,
    };
    for (const difference of found.slice(0, maxLoggedDifferences)) {
      this.#logger.warn(difference, 'the audit found a change that no watch had told of, and repaired it');
    }
    if (differences > 0) this.#logger.warn({ compared, differences }, 'the audit found differences');
  }
}
