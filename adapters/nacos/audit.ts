import type { Logger } from 'pino';
import type { AuditDifference, AuditReport, Clock } from '../../core/plugin/index.js';
import type { NacosConnection } from './connection.js';
import type { ServiceKey } from './service-key.js';
import type { Subscriptions } from './subscriptions.js';

const tickMs = 1000;
const maxFound = 100;

/** Differences of many services, counted whole and shown in part. */
export class Findings {
  #compared = 0;
  #differences = 0;
  readonly #found: AuditDifference[] = [];

  add(differences: readonly AuditDifference[]): void {
    this.#compared++;
    this.#differences += differences.length;
    this.#found.push(...differences.slice(0, maxFound - this.#found.length));
  }

  get report(): AuditReport {
    return { compared: this.#compared, differences: this.#differences, found: this.#found };
  }
}

export function joinReports(reports: readonly AuditReport[]): AuditReport {
  const sum = (of: (report: AuditReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  return {
    compared: sum(({ compared }) => compared),
    differences: sum(({ differences }) => differences),
    found: reports.flatMap(({ found }) => found).slice(0, maxFound),
  };
}

export interface AuditOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly subscriptions: Subscriptions;
  readonly logger: Logger;
  /** Every service of the namespace has been looked at once. Must not throw. */
  readonly onRound: (report: AuditReport) => void;
}

/**
 * Reads every service once in the interval, a few at each tick: what is lost on the way is not lost for ever.
 * Rejects when the connection is lost.
 */
export async function auditForever(connection: NacosConnection, options: AuditOptions): Promise<never> {
  const { clock, intervalMs, subscriptions, logger, onRound } = options;
  const stepMs = Math.min(tickMs, intervalMs);
  let queue: readonly ServiceKey[] = [];
  let next = 0;
  let due = 0;
  let findings = new Findings();
  for (;;) {
    await clock.sleep(stepMs * (0.9 + 0.2 * Math.random()), connection.lost);
    if (next >= queue.length) {
      if (findings.report.compared > 0) onRound(findings.report);
      findings = new Findings();
      queue = subscriptions.keys;
      next = 0;
    }
    due += (queue.length * stepMs) / intervalMs;
    const batch = queue.slice(next, next + Math.floor(due));
    due -= Math.floor(due);
    next += batch.length;
    const results = await Promise.allSettled(batch.map((key) => subscriptions.audit(key)));
    connection.lost.throwIfAborted();
    for (const result of results) if (result.status === 'fulfilled' && result.value) findings.add(result.value);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) logger.debug({ err: failed.reason }, 'an audit failed; the next one comes in its turn');
  }
}

/**
 * Reads every service now and compares it with what was pushed.
 *
 * @param listed what the registry lists now
 * @throws Error when a service could not be read
 */
export async function auditNow(subscriptions: Subscriptions, listed: readonly ServiceKey[]): Promise<AuditReport> {
  const findings = new Findings();
  const known = listed.filter((key) => subscriptions.has(key));
  const results = await Promise.all(known.map((key) => subscriptions.audit(key)));
  for (const differences of results) if (differences) findings.add(differences);
  return findings.report;
}
