import type { Counter, Registry } from 'prom-client';
import type { ConnectedClient } from '../../core/sink/sink.js';
import { StreamMetrics } from '../grpc/stream-metrics.js';
import { shortType } from './types.js';

/** What the sink is asked for when metrics are read. */
export interface XdsReadings {
  clients(): readonly ConnectedClient[];
  /** Resources by type URL. */
  counts(): ReadonlyMap<string, number>;
  /** Of all resources. */
  bytes(): number;
  invalid(): number;
}

/** The sink's metrics, each labelled with the sink's name; two sinks of the kind share them. */
export class XdsMetrics extends StreamMetrics {
  readonly refusals: Counter<'sink'>;
  readonly defects: Counter<'sink' | 'part'>;

  constructor(registry: Registry, sink: string, readings: XdsReadings) {
    super(registry, 'isthmus_xds', sink, () => readings.clients());
    this.reading('resources', 'Resources served, by type.', ['type'], (set) => {
      for (const [typeUrl, count] of readings.counts()) set({ type: shortType(typeUrl) }, count);
    });
    this.value('resource_bytes', 'Bytes of all resources served.', () => readings.bytes());
    this.value('invalid_services', 'Services that clients would refuse as they are now.', () => readings.invalid());
    this.refusals = this.counter(
      'refused_services_total',
      'Times a service became, or became otherwise, invalid.',
      'sink',
    );
    this.defects = this.counter('defects_total', 'Parts of services left out, counted when seen.', 'sink', 'part');
  }
}
