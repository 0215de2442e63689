import { Counter, type Registry } from 'prom-client';

/** What the adapter counts, for one source. */
export interface SourceMetrics {
  /** Connections that ended, or could not be made. */
  connectionFailed(): void;
  /** Changes that no watch told and an audit found. */
  auditDifference(): void;
}

/** The counters are shared by all sources of the kind and labelled with the source's name. */
export function sourceMetrics(registry: Registry, source: string): SourceMetrics {
  const failures = counter(
    registry,
    'isthmus_zookeeper_connection_failures_total',
    'Connections to ZooKeeper that ended or could not be made.',
  );
  const differences = counter(
    registry,
    'isthmus_zookeeper_audit_differences_total',
    'Interfaces whose change no watch told and an audit found.',
  );
  failures.inc({ source }, 0);
  differences.inc({ source }, 0);
  return {
    connectionFailed: () => failures.inc({ source }),
    auditDifference: () => differences.inc({ source }),
  };
}

function counter(registry: Registry, name: string, help: string): Counter<'source'> {
  const known = registry.getSingleMetric(name);
  if (known) return known as Counter<'source'>;
  return new Counter({ name, help, labelNames: ['source'], registers: [registry] });
}
