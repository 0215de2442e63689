import { Counter, Gauge, type Registry } from 'prom-client';

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
  const listings = counter(registry, 'isthmus_eureka_listings_total', 'Full listings read, by reason.', [
    'source',
    'reason',
  ]);
  const mismatches = counter(
    registry,
    'isthmus_eureka_hash_mismatches_total',
    'Polls after which the hash of what is known was not that of the server.',
    ['source'],
  );
  const differences = counter(
    registry,
    'isthmus_eureka_audit_differences_total',
    'Instances that an audit found different from what the polls had built up.',
    ['source'],
  );
  const keeping = gauge(
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

function counter(registry: Registry, name: string, help: string, labelNames: string[]): Counter {
  const known = registry.getSingleMetric(name);
  return known instanceof Counter ? known : new Counter({ name, help, labelNames, registers: [registry] });
}

function gauge(registry: Registry, name: string, help: string, labelNames: string[]): Gauge {
  const known = registry.getSingleMetric(name);
  return known instanceof Gauge ? known : new Gauge({ name, help, labelNames, registers: [registry] });
}
