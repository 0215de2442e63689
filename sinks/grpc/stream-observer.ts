import type { Logger } from 'pino';
import type { AdsServerObserver } from './ads-server.js';
import type { EndCode, RequestKind, XdsObserver } from './ads-session.js';
import { OncePer } from './once-per.js';
import type { RefusedFor } from './port-limits.js';
import type { StreamMetrics } from './stream-metrics.js';

export interface StreamObserverOptions {
  /** The sink's name. */
  readonly sink: string;
  readonly logger: Logger;
  readonly metrics: StreamMetrics;
  /** A type as a metric's label: peers choose type URLs, and must not choose how many series there are. */
  readonly typeLabel: (typeUrl: string) => string;
}

/** Turns what happens on streams into logs and metrics. */
export class StreamObserver implements AdsServerObserver, XdsObserver {
  protected readonly sink: string;
  protected readonly logger: Logger;
  protected readonly logged = new OncePer();
  readonly #metrics: StreamMetrics;
  readonly #typeLabel: (typeUrl: string) => string;

  constructor({ sink, logger, metrics, typeLabel }: StreamObserverOptions) {
    this.sink = sink;
    this.logger = logger;
    this.#metrics = metrics;
    this.#typeLabel = typeLabel;
  }

  onOpened(peer: string): void {
    this.#metrics.streams.inc({ sink: this.sink });
    this.#metrics.clients.inc({ sink: this.sink });
    this.logger.info({ peer }, 'client connected');
  }

  onClosed(peer: string): void {
    this.#metrics.clients.dec({ sink: this.sink });
    this.logger.info({ peer }, 'client gone');
  }

  onRefused(peer: string, limit: RefusedFor, details: string): void {
    this.#metrics.refused.inc({ sink: this.sink, limit });
    if (this.logged.first(`refused ${limit} ${peer.replace(/:\d+$/, '')}`)) {
      this.logger.warn({ peer, limit, details }, 'client refused');
    }
  }

  onOverLimit(limit: 'subscriptions'): void {
    this.#metrics.refused.inc({ sink: this.sink, limit });
  }

  onAcceptError(error: Error): void {
    if (this.logged.first(`accept ${error.message}`)) {
      this.logger.warn(
        { error: error.message },
        'a connection could not be accepted, or a renewed certificate cannot be used',
      );
    }
  }

  onEnded(code: EndCode, details: string): void {
    this.#metrics.ended.inc({ sink: this.sink, code });
    this.logger.warn({ code, details }, 'stream ended');
  }

  onRequest(typeUrl: string, kind: RequestKind): void {
    this.#metrics.requests.inc({ sink: this.sink, type: this.#typeLabel(typeUrl), kind });
  }

  onSent(typeUrl: string, byteLength: number): void {
    const labels = { sink: this.sink, type: this.#typeLabel(typeUrl) };
    this.#metrics.responses.inc(labels);
    this.#metrics.responseBytes.inc(labels, byteLength);
  }

  onAck(typeUrl: string, ms: number): void {
    this.#metrics.ackSeconds.observe({ sink: this.sink, type: this.#typeLabel(typeUrl) }, ms / 1000);
  }

  onNack(typeUrl: string, message: string, refused?: { node: string; names: readonly string[] }): void {
    if (this.logged.first(`nack ${typeUrl} ${message}`)) {
      this.logger.error({ type: typeUrl, error: message, ...refused }, 'a client refused what it was sent');
    }
  }
}
