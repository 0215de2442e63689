import pino from 'pino';
import { HostTemplate } from '../../../core/catalog/host-template.js';
import { Naming } from '../../../core/catalog/naming.js';
import { Engine, type EngineOptions, type EngineSource } from '../../../core/engine/engine.js';
import type { AuditReport } from '../../../core/source/audit-report.js';
import type { Source, SourceOutput, SourceRecord } from '../../../core/source/source.js';
import { ManualClock } from '../../../testkit/clock.js';

/** A source that publishes what a test tells it to. */
export class PuppetSource implements Source {
  out: SourceOutput | undefined;
  onAudit: (() => Promise<AuditReport>) | undefined;

  run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    this.out = out;
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  onRecords: (() => Promise<readonly SourceRecord[]>) | undefined;

  async records(): Promise<readonly SourceRecord[]> {
    return this.onRecords?.() ?? [];
  }

  async audit(): Promise<AuditReport> {
    if (!this.onAudit) throw new Error('the registry is away');
    return this.onAudit();
  }
}

export interface PuppetEngine {
  readonly engine: Engine;
  readonly clock: ManualClock;
  readonly sources: readonly PuppetSource[];
  /** Ends the run and waits for it. */
  end(): Promise<void>;
}

/** A running engine of puppets, with hosts `{name}.mesh` and a clock that stands still. */
export function startEngine(
  names: readonly string[],
  options: Partial<EngineOptions> = {},
  each: Partial<EngineSource> = {},
): PuppetEngine {
  const clock = new ManualClock();
  const sources = names.map((name) => ({ name, source: new PuppetSource() }));
  const engine = new Engine({
    sources: sources.map((entry) => ({
      ...entry,
      kind: 'puppet',
      required: true,
      graceMs: 1000,
      staleAfterMs: 1000,
      ...each,
    })),
    naming: new Naming([], new Map(names.map((name) => [name, new HostTemplate('{name}.mesh')]))),
    policyOf: () => ({ mode: 'union' }),
    clock,
    logger: pino({ level: 'silent' }),
    ...options,
  });
  const stop = new AbortController();
  const running = engine.run(stop.signal);
  const end = () => {
    stop.abort();
    return running;
  };
  return { engine, clock, sources: sources.map(({ source }) => source), end };
}
