import type { Registry } from 'prom-client';
import { sharedCounter } from '../../core/plugin/index.js';

/** What the adapter counts, for one source. */
export interface SourceMetrics {
  /** Connections that ended, or could not be made. */
  connectionFailed(): void;
  /** Changes that no watch told and an audit found. */
  auditDifference(): void;
}

/** The counters are shared by all sources of the kind and labelled with the source's name. */
export function sourceMetrics(registry: Registry, source: string): SourceMetrics {
  const failures = sharedCounter(
    registry,
    'isthmus_zookeeper_connection_failures_total',
    'Connections to ZooKeeper that ended or could not be made.',
    ['source'],
  );
  const differences = sharedCounter(
    registry,
    'isthmus_zookeeper_audit_differences_total',
    'Interfaces whose change no watch told and an audit found.',
    ['source'],
  );
  failures.inc({ source }, 0);
  differences.inc({ source }, 0);
  return {
    connectionFailed: () => failures.inc({ source }),
    auditDifference: () => differences.inc({ source }),
  };
}
