import { Counter, Gauge, type Registry } from 'prom-client';

export type RequestProtocol = 'grpc' | 'http';
/** `refused`: no login or no right; `failed`: no answer, or one that says so. */
export type RequestResult = 'ok' | 'refused' | 'failed';

/** Metrics of all sources of this kind, by source. */
export interface NacosMetrics {
  /** Services that, read to be sure, were not what had been pushed: pushes that were lost. */
  auditDifference(): void;
  readFailed(): void;
  requested(protocol: RequestProtocol, result: RequestResult): void;
  connected(protocol: RequestProtocol, difference: 1 | -1): void;
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
  const requests = counter(registry, 'isthmus_nacos_requests_total', 'Requests, by protocol and result', [
    'protocol',
    'result',
  ]);
  const connections = gauge(registry, 'isthmus_nacos_connections', 'Connections in use, one a namespace, by protocol');
  differences.inc({ source }, 0);
  failures.inc({ source }, 0);
  return {
    auditDifference: () => differences.inc({ source }),
    readFailed: () => failures.inc({ source }),
    requested: (protocol, result) => requests.inc({ source, protocol, result }),
    connected: (protocol, difference) => connections.inc({ source, protocol }, difference),
  };
}

/** The counter that another source of this kind has registered, or a new one. */
function counter<Label extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labels: readonly Label[] = [],
): Counter<'source' | Label> {
  const known = registry.getSingleMetric(name);
  if (known) return known as Counter<'source' | Label>;
  return new Counter({ name, help, labelNames: ['source', ...labels], registers: [registry] });
}

function gauge(registry: Registry, name: string, help: string): Gauge<'source' | 'protocol'> {
  const known = registry.getSingleMetric(name);
  if (known) return known as Gauge<'source' | 'protocol'>;
  return new Gauge({ name, help, labelNames: ['source', 'protocol'], registers: [registry] });
}
