import { type Counter, type Gauge, Histogram, type Registry } from 'prom-client';
import { sharedCounter, sharedGauge } from '../../core/plugin/index.js';

/** Metrics of streams, each labelled with the sink's name; two sinks of a kind share them. */
export class StreamMetrics {
  readonly #registry: Registry;
  readonly #prefix: string;
  readonly clients: Gauge<'sink'>;
  readonly streams: Counter<'sink'>;
  readonly refused: Counter<'sink' | 'limit'>;
  readonly ended: Counter<'sink' | 'code'>;
  readonly requests: Counter<'sink' | 'type' | 'kind'>;
  readonly responses: Counter<'sink' | 'type'>;
  readonly responseBytes: Counter<'sink' | 'type'>;
  readonly ackSeconds: Histogram<'sink' | 'type'>;
  readonly pushSeconds: Histogram<'sink'>;

  /** @param prefix `isthmus_mcp` and the like */
  constructor(registry: Registry, prefix: string) {
    this.#registry = registry;
    this.#prefix = prefix;
    this.clients = this.gauge('clients', 'Streams open now.', 'sink');
    this.streams = this.counter('streams_total', 'Streams opened.', 'sink');
    this.refused = this.counter(
      'refused_total',
      'Streams and connections refused or dropped, by what they went over: clients, connections, streamsPerConnection, requestBytes, resets, subscriptions, tls.',
      'sink',
      'limit',
    );
    this.ended = this.counter('ended_streams_total', 'Streams that this side ended, by status code.', 'sink', 'code');
    this.requests = this.counter(
      'requests_total',
      'Requests by type and kind: initial, ack, nack, update, stale.',
      'sink',
      'type',
      'kind',
    );
    this.responses = this.counter('responses_total', 'Responses written.', 'sink', 'type');
    this.responseBytes = this.counter('response_bytes_total', 'Bytes of responses written.', 'sink', 'type');
    const ackBuckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];
    this.ackSeconds = this.seconds('ack_seconds', 'From a response to its answer.', ackBuckets, 'sink', 'type');
    this.pushSeconds = this.seconds(
      'push_seconds',
      'From a change of the catalog to its responses being written: encoding, assembly, hand-over to the transport.',
      [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1],
      'sink',
    );
  }

  protected counter<L extends string>(name: string, help: string, ...labelNames: L[]): Counter<L> {
    return sharedCounter(this.#registry, `${this.#prefix}_${name}`, help, labelNames);
  }

  protected gauge<L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> {
    return sharedGauge(this.#registry, `${this.#prefix}_${name}`, help, labelNames);
  }

  protected seconds<L extends string>(own: string, help: string, buckets: number[], ...labelNames: L[]): Histogram<L> {
    const name = `${this.#prefix}_${own}`;
    const known = this.#registry.getSingleMetric(name) as Histogram<L> | undefined;
    return known ?? new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] });
  }
}
