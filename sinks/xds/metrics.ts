import { Counter, Gauge, Histogram, type Metric, type Registry } from 'prom-client';

/** The sink's metrics, each labelled with the sink's name; two sinks of the kind share them. */
export class XdsMetrics {
  readonly clients: Gauge<'sink'>;
  readonly streams: Counter<'sink'>;
  readonly refused: Counter<'sink' | 'limit'>;
  readonly ended: Counter<'sink' | 'code'>;
  readonly requests: Counter<'sink' | 'type' | 'kind'>;
  readonly responses: Counter<'sink' | 'type'>;
  readonly responseBytes: Counter<'sink' | 'type'>;
  readonly ackSeconds: Histogram<'sink' | 'type'>;
  readonly pushSeconds: Histogram<'sink'>;
  readonly resources: Gauge<'sink' | 'type'>;
  readonly resourceBytes: Gauge<'sink'>;
  readonly invalid: Gauge<'sink'>;
  readonly refusals: Counter<'sink'>;
  readonly defects: Counter<'sink' | 'part'>;

  constructor(registry: Registry) {
    const once = <M extends Metric>(name: string, make: (name: string) => M): M => {
      const fullName = `isthmus_xds_${name}`;
      return (registry.getSingleMetric(fullName) as M | undefined) ?? make(fullName);
    };
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      once(name, (full) => new Counter({ name: full, help, labelNames, registers: [registry] }));
    const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      once(name, (full) => new Gauge({ name: full, help, labelNames, registers: [registry] }));
    const seconds = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
      once(name, (full) => new Histogram({ name: full, help, labelNames, buckets, registers: [registry] }));

    this.clients = gauge('clients', 'Streams open now.', 'sink');
    this.streams = counter('streams_total', 'Streams opened.', 'sink');
    this.refused = counter(
      'refused_total',
      'Streams and connections refused or dropped, by what they went over: clients, connections, streamsPerConnection, requestBytes, resets, subscriptions, tls.',
      'sink',
      'limit',
    );
    this.ended = counter('ended_streams_total', 'Streams that this side ended, by status code.', 'sink', 'code');
    this.requests = counter(
      'requests_total',
      'Requests by type and kind: initial, ack, nack, update, stale.',
      'sink',
      'type',
      'kind',
    );
    this.responses = counter('responses_total', 'Responses written.', 'sink', 'type');
    this.responseBytes = counter('response_bytes_total', 'Bytes of responses written.', 'sink', 'type');
    const ackBuckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];
    this.ackSeconds = seconds('ack_seconds', 'From a response to its acknowledgement.', ackBuckets, 'sink', 'type');
    this.pushSeconds = seconds(
      'push_seconds',
      'From a change of the catalog to its responses being written: encoding, assembly, hand-over to the transport.',
      [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1],
      'sink',
    );
    this.resources = gauge('resources', 'Resources served, by type.', 'sink', 'type');
    this.resourceBytes = gauge('resource_bytes', 'Bytes of all resources served.', 'sink');
    this.invalid = gauge('invalid_services', 'Services that clients would refuse as they are now.', 'sink');
    this.refusals = counter('refused_services_total', 'Times a service became, or became otherwise, invalid.', 'sink');
    this.defects = counter('defects_total', 'Parts of services left out, counted when seen.', 'sink', 'part');
  }
}
