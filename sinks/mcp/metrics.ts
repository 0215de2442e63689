import { Counter, Gauge, Histogram, type Metric, type Registry } from 'prom-client';
import type { ConnectedClient } from '../../core/sink/sink.js';

/** The sink's metrics, each labelled with the sink's name; two sinks of the kind share them. */
export class McpMetrics {
  readonly clients: Gauge<'sink'>;
  readonly streams: Counter<'sink'>;
  readonly refused: Counter<'sink' | 'limit'>;
  readonly ended: Counter<'sink' | 'code'>;
  readonly requests: Counter<'sink' | 'type' | 'kind'>;
  readonly responses: Counter<'sink' | 'type'>;
  readonly responseBytes: Counter<'sink' | 'type'>;
  readonly ackSeconds: Histogram<'sink' | 'type'>;
  readonly pushSeconds: Histogram<'sink'>;
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
    const once = <M extends Metric>(name: string, make: (name: string) => M): M => {
      const fullName = `isthmus_mcp_${name}`;
      return (registry.getSingleMetric(fullName) as M | undefined) ?? make(fullName);
    };
    const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
      once(name, (full) => new Counter({ name: full, help, labelNames, registers: [registry] }));
    const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
      once(name, (full) => new Gauge({ name: full, help, labelNames, registers: [registry] }));
    const seconds = <L extends string>(name: string, help: string, labelNames: L[], buckets: number[]) =>
      once(name, (full) => new Histogram({ name: full, help, labelNames, buckets, registers: [registry] }));

    this.clients = gauge('clients', 'Streams open now.', ['sink']);
    this.streams = counter('streams_total', 'Streams opened.', ['sink']);
    this.refused = counter(
      'refused_total',
      'Streams and connections refused or dropped, by what they went over: clients, connections, streamsPerConnection, requestBytes, resets, tls.',
      ['sink', 'limit'],
    );
    this.ended = counter('ended_streams_total', 'Streams that this side ended, by status code.', ['sink', 'code']);
    this.requests = counter('requests_total', 'Requests by type and kind: initial, ack, nack, stale.', [
      'sink',
      'type',
      'kind',
    ]);
    this.responses = counter('responses_total', 'Responses written.', ['sink', 'type']);
    this.responseBytes = counter('response_bytes_total', 'Bytes of responses written.', ['sink', 'type']);
    this.ackSeconds = seconds(
      'ack_seconds',
      'From a response to its acknowledgement.',
      ['sink', 'type'],
      [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    );
    this.pushSeconds = seconds(
      'push_seconds',
      'From a change of the catalog to its responses being written: encoding, assembly, hand-over to the transport.',
      ['sink'],
      [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1],
    );
    this.resources = gauge('resources', 'Resources served.', ['sink']);
    this.resourceBytes = gauge('resource_bytes', 'Bytes of all resources served.', ['sink']);
    this.keptEmpty = gauge('kept_empty_services', 'Services without instances that are still served, empty.', ['sink']);
    this.sidecars = gauge('sidecars', 'Sidecar resources served.', ['sink']);
    this.invalidSidecars = gauge('invalid_sidecars', 'Applications whose Sidecar istiod would refuse.', ['sink']);
    this.invalid = gauge('invalid_resources', 'Services that istiod would refuse as they are now.', ['sink']);
    this.refusals = counter('refused_resources_total', 'Times a service became, or became otherwise, invalid.', [
      'sink',
    ]);
    this.defects = counter('defects_total', 'Parts of services left out or limited, counted when seen.', [
      'sink',
      'part',
    ]);
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
