import { Counter, type Registry } from 'prom-client';

/** Counters of all sources of this kind, by source. */
export interface NacosMetrics {
  /** Services that, read to be sure, were not what had been pushed: pushes that were lost. */
  auditDifference(): void;
  readFailed(): void;
}

export function nacosMetrics(registry: Registry, source: string): NacosMetrics {
  const differences = counter(
    registry,
    'isthmus_nacos_audit_differences_total',
    'Services whose instances, read to be sure, differed from what the server had pushed',
  );
  const failures = counter(
    registry,
    'isthmus_nacos_read_failures_total',
    'Times that a namespace could not be read: connections lost, requests refused',
  );
  differences.inc({ source }, 0);
  failures.inc({ source }, 0);
  return { auditDifference: () => differences.inc({ source }), readFailed: () => failures.inc({ source }) };
}

/** The counter that another source of this kind has registered, or a new one. */
function counter(registry: Registry, name: string, help: string): Counter<'source'> {
  const known = registry.getSingleMetric(name);
  if (known) return known as Counter<'source'>;
  return new Counter({ name, help, labelNames: ['source'], registers: [registry] });
}
