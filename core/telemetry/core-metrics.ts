import { Counter, Gauge, type Registry } from 'prom-client';
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
}

const states: readonly SourceState['state'][] = ['starting', 'restored', 'fresh', 'degraded', 'stale'];

/** Adds the metrics of sources and catalog. Labels hold configured names only, so the number of series is bounded. */
export function addCoreMetrics(registry: Registry, readings: CoreReadings): void {
  addSourceMetrics(registry, () => readings.sources());
  addCatalogMetrics(registry, readings);
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
  new Counter({
    name: 'isthmus_source_failures_total',
    help: 'Runs of the source that ended in an error.',
    labelNames: ['source', 'kind'],
    registers: [registry],
    collect() {
      this.reset(); // the supervisor counts; this only shows it
      for (const { name, kind, failures } of sources()) this.inc({ source: name, kind }, failures);
    },
  });
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
