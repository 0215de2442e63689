import { type Counter, type Gauge, Histogram, type Registry } from 'prom-client';
import { sharedCounter, sharedGauge, sharedReading } from '../../core/plugin/index.js';
import type { ConnectedClient } from '../../core/sink/sink.js';

/** Clients whose lag is in the metrics. */
const maxLags = 2000;

/** Metrics of streams, each labelled with the sink's name; two sinks of a kind share them. */
export class StreamMetrics {
  readonly #registry: Registry;
  readonly #prefix: string;
  readonly #sink: string;
  readonly clients: Gauge<'sink'>;
  readonly streams: Counter<'sink'>;
  readonly refused: Counter<'sink' | 'limit'>;
  readonly ended: Counter<'sink' | 'code'>;
  readonly requests: Counter<'sink' | 'type' | 'kind'>;
  readonly responses: Counter<'sink' | 'type'>;
  readonly responseBytes: Counter<'sink' | 'type'>;
  readonly ackSeconds: Histogram<'sink' | 'type'>;
  readonly pushSeconds: Histogram<'sink'>;

  /**
   * @param prefix `isthmus_mcp` and the like
   * @param clients those of the sink, as they are when metrics are read
   */
  constructor(registry: Registry, prefix: string, sink: string, clients: () => readonly ConnectedClient[]) {
    this.#registry = registry;
    this.#prefix = prefix;
    this.#sink = sink;
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
    const lagHelp = 'How long there is something newer than what a client has confirmed; 0 when there is not.';
    this.reading('client_lag_seconds', lagHelp, ['node', 'part'], (set) => {
      for (const { node, part = '', subscriptions } of clients().slice(0, maxLags)) {
        const lagMs = subscriptions.reduce((most, { lagMs: own }) => Math.max(most, own), 0);
        set({ node, part }, lagMs / 1000);
      }
    });
  }

  /** A gauge of the sink that is read when somebody asks for it. */
  protected reading<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (set: (labels: Readonly<Record<Label, string>>, value: number) => void) => void,
  ): void {
    const sink = this.#sink;
    sharedReading(this.#registry, `${this.#prefix}_${name}`, help, ['sink', ...labelNames], sink, (set) =>
      read((labels, value) => set({ sink, ...labels }, value)),
    );
  }

  /** The same of one value. */
  protected value(name: string, help: string, read: () => number): void {
    this.reading(name, help, [], (set) => set({}, read()));
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
