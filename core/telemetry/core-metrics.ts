import { Counter, Gauge, type Registry } from 'prom-client';
import type { GuardCounts } from '../guard/guarded-table.js';
import type { HoldStatus } from '../guard/hold.js';
import type { SourceState, SourceStatus } from '../source/status.js';

/** Where the core's metrics read their values from when somebody asks for them: nothing is counted twice. */
export interface CoreReadings {
  sources(): readonly SourceStatus[];
  /** Revision of the catalog. */
  revision(): number;
  /** Whether sinks may serve. */
  isReady(): boolean;
  /** Hosts in the catalog. */
  hosts(): number;
  /** Changes of single hosts since the start. */
  changedHosts(): number;
  /** Merges that could not be done as asked, and services without a host, now. */
  problems(): number;
  /** What guards hold back, by source. */
  guards(): readonly SourceGuards[];
}

export interface SourceGuards {
  readonly name: string;
  readonly holds: readonly HoldStatus[];
  readonly counts: GuardCounts;
}

const guardNames = ['mass-loss', 'empty', 'flap', 'staleness', 'minimum-healthy', 'operator'] as const;

const states: readonly SourceState['state'][] = ['starting', 'restored', 'fresh', 'degraded', 'stale'];

/** Adds the metrics of sources and catalog. Labels hold configured names only, so the number of series is bounded. */
export function addCoreMetrics(registry: Registry, readings: CoreReadings): void {
  addSourceMetrics(registry, () => readings.sources());
  addCatalogMetrics(registry, readings);
  addGuardMetrics(registry, () => readings.guards());
}

function addGuardMetrics(registry: Registry, guards: () => readonly SourceGuards[]): void {
  new Gauge({
    name: 'isthmus_guard_held_instances',
    help: 'Instances whose loss, or whose return when they flap, a guard holds back now.',
    labelNames: ['source', 'guard'],
    registers: [registry],
    collect() {
      for (const { name, holds } of guards()) {
        for (const guard of guardNames) {
          const held = holds.filter((hold) => hold.guard === guard);
          this.set(
            { source: name, guard },
            held.reduce((sum, { count }) => sum + count, 0),
          );
        }
      }
    },
  });
  new Gauge({
    name: 'isthmus_guard_oldest_hold_since_timestamp_seconds',
    help: 'Since when something is held back; 0 while nothing is.',
    labelNames: ['source'],
    registers: [registry],
    collect() {
      for (const { name, holds } of guards()) this.set({ source: name }, (holds[0]?.sinceMs ?? 0) / 1000);
    },
  });
  const counter = (name: string, help: string, value: (counts: GuardCounts) => number) => {
    new Counter({
      name,
      help,
      labelNames: ['source'],
      registers: [registry],
      collect() {
        this.reset(); // the guards count; this only shows it
        for (const { name: source, counts } of guards()) this.inc({ source }, value(counts));
      },
    });
  };
  counter('isthmus_guard_held_total', 'Instances whose loss was held back.', ({ held }) => held);
  counter('isthmus_guard_expired_total', 'Services whose hold ended by time.', ({ expired }) => expired);
  counter('isthmus_guard_released_total', 'Services that an operator released.', ({ released }) => released);
}

function addSourceMetrics(registry: Registry, sources: () => readonly SourceStatus[]): void {
  const gauge = (name: string, help: string, value: (source: SourceStatus) => number | undefined) => {
    new Gauge({
      name,
      help,
      labelNames: ['source', 'kind'],
      registers: [registry],
      collect() {
        for (const source of sources()) {
          const now = value(source);
          if (now !== undefined) this.set({ source: source.name, kind: source.kind }, now);
        }
      },
    });
  };
  gauge('isthmus_source_up', '1 while what is published is what the registry says (fresh).', ({ status }) =>
    status.state === 'fresh' ? 1 : 0,
  );
  gauge('isthmus_source_synced', '1 once the source was read whole.', ({ synced }) => (synced ? 1 : 0));
  gauge('isthmus_source_services', 'Services the source publishes.', ({ services }) => services);
  gauge('isthmus_source_instances', 'Instances the source publishes.', ({ instances }) => instances);
  gauge(
    'isthmus_source_notices',
    'Things that operators should know of the registry, now.',
    ({ notices }) => notices.length,
  );
  gauge('isthmus_source_rejected_records', 'Records left out now.', ({ rejected }) => rejected);
  gauge(
    'isthmus_source_state_since_timestamp_seconds',
    'When the source came into its state.',
    ({ status }) => status.sinceMs / 1000,
  );
  gauge('isthmus_source_last_change_timestamp_seconds', 'When the source published last.', ({ lastChangeMs }) =>
    lastChangeMs === undefined ? undefined : lastChangeMs / 1000,
  );
  new Gauge({
    name: 'isthmus_source_state',
    help: '1 for the state that the source is in, 0 for the others.',
    labelNames: ['source', 'kind', 'state'],
    registers: [registry],
    collect() {
      for (const { name, kind, status } of sources()) {
        for (const state of states) this.set({ source: name, kind, state }, status.state === state ? 1 : 0);
      }
    },
  });
  const counter = (name: string, help: string, value: (source: SourceStatus) => number) => {
    new Counter({
      name,
      help,
      labelNames: ['source', 'kind'],
      registers: [registry],
      collect() {
        this.reset(); // the supervisor counts; this only shows it
        for (const source of sources()) this.inc({ source: source.name, kind: source.kind }, value(source));
      },
    });
  };
  counter('isthmus_source_failures_total', 'Runs of the source that ended in an error.', ({ failures }) => failures);
  counter('isthmus_source_audits_total', 'Audits that ended.', ({ audit }) => audit?.audits ?? 0);
  counter(
    'isthmus_source_audit_differences_total',
    'Differences that audits found and repaired.',
    ({ audit }) => audit?.totalDifferences ?? 0,
  );
}

function addCatalogMetrics(registry: Registry, readings: CoreReadings): void {
  const gauge = (name: string, help: string, value: () => number) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  };
  gauge('isthmus_catalog_ready', '1 once every required source was read or its grace is over.', () =>
    readings.isReady() ? 1 : 0,
  );
  gauge('isthmus_catalog_revision', 'Revision of the catalog, of this process.', () => readings.revision());
  gauge('isthmus_catalog_services', 'Hosts in the catalog.', () => readings.hosts());
  gauge('isthmus_catalog_problems', 'Clashing merges and services without a host, now.', () => readings.problems());
  new Counter({
    name: 'isthmus_catalog_changes_total',
    help: 'Changes of single hosts.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(readings.changedHosts());
    },
  });
}
