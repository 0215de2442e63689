import { Counter, type Registry } from 'prom-client';

/** Counters of one Eureka source. */
export interface EurekaMetrics {
  listed(reason: string): void;
  mismatched(): void;
  differed(instances: number): void;
}

/** Registers the counters, or takes those that another source of this kind has registered. */
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
  return {
    listed: (reason) => listings.inc({ source, reason }),
    mismatched: () => mismatches.inc({ source }),
    differed: (instances) => differences.inc({ source }, instances),
  };
}

function counter(registry: Registry, name: string, help: string, labelNames: string[]): Counter {
  const known = registry.getSingleMetric(name);
  return known instanceof Counter ? known : new Counter({ name, help, labelNames, registers: [registry] });
}
