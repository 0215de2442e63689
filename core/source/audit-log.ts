import type { Logger } from 'pino';
import type { Clock } from '../time/index.js';
import type { AuditReport } from './audit-report.js';
import type { AuditStatus } from './status.js';

const maxLoggedDifferences = 20;

/** Counts and logs what audits of one source find. */
export class AuditLog {
  readonly #logger: Logger;
  #last: AuditStatus | undefined;
  #running: Promise<AuditReport> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The last audit that ended, and the count of all differences since the start; undefined before the first. */
  get last(): AuditStatus | undefined {
    return this.#last;
  }

  /** Runs an audit on demand; joins the one that goes on. */
  async run(audit: () => Promise<AuditReport>, clock: Clock): Promise<AuditReport> {
    this.#running ??= audit().finally(() => {
      this.#running = undefined;
    });
    const report = await this.#running;
    this.note(report, clock.now());
    return report;
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
