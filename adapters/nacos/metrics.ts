import type { Registry } from 'prom-client';
import { sharedCounter, sharedGauge } from '../../core/plugin/index.js';

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
  const differences = sharedCounter(
    registry,
    'isthmus_nacos_audit_differences_total',
    'Services whose instances, read to be sure, differed from what the server had pushed',
    ['source'],
  );
  const failures = sharedCounter(
    registry,
    'isthmus_nacos_read_failures_total',
    'Times that a namespace could not be read: connections lost, requests refused',
    ['source'],
  );
  const requests = sharedCounter(registry, 'isthmus_nacos_requests_total', 'Requests, by protocol and result', [
    'source',
    'protocol',
    'result',
  ]);
  const connections = sharedGauge(
    registry,
    'isthmus_nacos_connections',
    'Connections in use, one a namespace, by protocol',
    ['source', 'protocol'],
  );
  differences.inc({ source }, 0);
  failures.inc({ source }, 0);
  return {
    auditDifference: () => differences.inc({ source }),
    readFailed: () => failures.inc({ source }),
    requested: (protocol, result) => requests.inc({ source, protocol, result }),
    connected: (protocol, difference) => connections.inc({ source, protocol }, difference),
  };
}
