import type { Counter, Gauge, Registry } from 'prom-client';
import { StreamMetrics } from '../grpc/stream-metrics.js';

/** The sink's metrics, each labelled with the sink's name; two sinks of the kind share them. */
export class XdsMetrics extends StreamMetrics {
  readonly resources: Gauge<'sink' | 'type'>;
  readonly resourceBytes: Gauge<'sink'>;
  readonly invalid: Gauge<'sink'>;
  readonly refusals: Counter<'sink'>;
  readonly defects: Counter<'sink' | 'part'>;

  constructor(registry: Registry) {
    super(registry, 'isthmus_xds');
    this.resources = this.gauge('resources', 'Resources served, by type.', 'sink', 'type');
    this.resourceBytes = this.gauge('resource_bytes', 'Bytes of all resources served.', 'sink');
    this.invalid = this.gauge('invalid_services', 'Services that clients would refuse as they are now.', 'sink');
    this.refusals = this.counter(
      'refused_services_total',
      'Times a service became, or became otherwise, invalid.',
      'sink',
    );
    this.defects = this.counter('defects_total', 'Parts of services left out, counted when seen.', 'sink', 'part');
  }
}
