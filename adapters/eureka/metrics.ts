import type { Registry } from 'prom-client';
import { sharedCounter, sharedGauge } from '../../core/plugin/index.js';

/** Metrics of one Eureka source. */
export interface EurekaMetrics {
  listed(reason: string): void;
  mismatched(): void;
  differed(instances: number): void;
  /** Whether what was told gone gets on disk. */
  keeps(isWritten: boolean): void;
}

/** Registers the metrics, or takes those that another source of this kind has registered. */
export function eurekaMetrics(registry: Registry, source: string): EurekaMetrics {
  const listings = sharedCounter(registry, 'isthmus_eureka_listings_total', 'Full listings read, by reason.', [
    'source',
    'reason',
  ]);
  const mismatches = sharedCounter(
    registry,
    'isthmus_eureka_hash_mismatches_total',
    'Polls after which the hash of what is known was not that of the server.',
    ['source'],
  );
  const differences = sharedCounter(
    registry,
    'isthmus_eureka_audit_differences_total',
    'Instances that an audit found different from what the polls had built up.',
    ['source'],
  );
  const keeping = sharedGauge(
    registry,
    'isthmus_eureka_tombstones_up',
    '1 while what was told gone gets on disk, so that a restart knows it.',
    ['source'],
  );
  return {
    listed: (reason) => listings.inc({ source, reason }),
    mismatched: () => mismatches.inc({ source }),
    differed: (instances) => differences.inc({ source }, instances),
    keeps: (isWritten) => keeping.set({ source }, isWritten ? 1 : 0),
  };
}
