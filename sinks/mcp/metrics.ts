import { type Counter, Gauge, type Registry } from 'prom-client';
import type { ConnectedClient } from '../../core/sink/sink.js';
import { StreamMetrics } from '../grpc/stream-metrics.js';

/** The sink's metrics, each labelled with the sink's name; two sinks of the kind share them. */
export class McpMetrics extends StreamMetrics {
  readonly resources: Gauge<'sink'>;
  readonly resourceBytes: Gauge<'sink'>;
  readonly keptEmpty: Gauge<'sink'>;
  readonly sidecars: Gauge<'sink'>;
  readonly invalidSidecars: Gauge<'sink'>;
  readonly invalid: Gauge<'sink'>;
  readonly refusals: Counter<'sink'>;
  readonly defects: Counter<'sink' | 'part'>;

  /** @param clients those of the sink, as they are when metrics are read */
  constructor(registry: Registry, sink: string, clients: () => readonly ConnectedClient[]) {
    super(registry, 'isthmus_mcp');
    this.resources = this.gauge('resources', 'Resources served.', 'sink');
    this.resourceBytes = this.gauge('resource_bytes', 'Bytes of all resources served.', 'sink');
    this.keptEmpty = this.gauge('kept_empty_services', 'Services without instances still served, empty.', 'sink');
    this.sidecars = this.gauge('sidecars', 'Sidecar resources served.', 'sink');
    this.invalidSidecars = this.gauge('invalid_sidecars', 'Applications whose Sidecar istiod would refuse.', 'sink');
    this.invalid = this.gauge('invalid_resources', 'Services that istiod would refuse as they are now.', 'sink');
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
    addLag(registry, sink, clients);
  }
}

/** Clients whose lag is in the metrics. */
const maxLags = 2000;
const readersOf = new WeakMap<Gauge, Map<string, () => readonly ConnectedClient[]>>();

/** A gauge with a series a client, of those that are there when it is read. */
function addLag(registry: Registry, sink: string, clients: () => readonly ConnectedClient[]): void {
  const name = 'isthmus_mcp_client_lag_seconds';
  const help = 'How long there is something newer than what a client has confirmed; 0 when there is not.';
  const known = registry.getSingleMetric(name) as Gauge<'sink' | 'node' | 'part'> | undefined;
  const readers = (known && readersOf.get(known)) ?? new Map<string, () => readonly ConnectedClient[]>();
  readers.set(sink, clients);
  if (known) return;
  const gauge = new Gauge({
    name,
    help,
    labelNames: ['sink', 'node', 'part'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [of, read] of readers) {
        for (const { node, part = '', subscriptions } of read().slice(0, maxLags)) {
          const lagMs = subscriptions.reduce((most, { lagMs: own }) => Math.max(most, own), 0);
          this.set({ sink: of, node, part }, lagMs / 1000);
        }
      }
    },
  });
  readersOf.set(gauge, readers);
}
