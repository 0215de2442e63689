import type { Counter, Registry } from 'prom-client';
import type { ConnectedClient } from '../../core/sink/sink.js';
import { StreamMetrics } from '../grpc/stream-metrics.js';

/** What the sink is asked for when metrics are read. */
export interface McpReadings {
  clients(): readonly ConnectedClient[];
  resources(): number;
  /** Of all resources. */
  bytes(): number;
  keptEmpty(): number;
  sidecars(): number;
  invalidSidecars(): number;
  invalid(): number;
}

/** The sink's metrics, each labelled with the sink's name; two sinks of the kind share them. */
export class McpMetrics extends StreamMetrics {
  readonly refusals: Counter<'sink'>;
  readonly defects: Counter<'sink' | 'part'>;

  constructor(registry: Registry, sink: string, readings: McpReadings) {
    super(registry, 'isthmus_mcp', sink, () => readings.clients());
    this.value('resources', 'Resources served.', () => readings.resources());
    this.value('resource_bytes', 'Bytes of all resources served.', () => readings.bytes());
    this.value('kept_empty_services', 'Services without instances still served, empty.', () => readings.keptEmpty());
    this.value('sidecars', 'Sidecar resources served.', () => readings.sidecars());
    this.value('invalid_sidecars', 'Applications whose Sidecar istiod would refuse.', () => readings.invalidSidecars());
    this.value('invalid_resources', 'Services that istiod would refuse as they are now.', () => readings.invalid());
    this.refusals = this.counter(
      'refused_resources_total',
      'Times a service became, or became otherwise, invalid.',
      'sink',
    );
    this.defects = this.counter(
      'defects_total',
      'Parts of services left out or limited, counted when seen.',
      'sink',
      'part',
    );
  }
}
