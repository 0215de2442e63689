import type { Logger } from 'pino';
import type { AdsServerObserver } from '../grpc/ads-server.js';
import type { EndCode, RequestKind, XdsObserver } from '../grpc/ads-session.js';
import type { RefusedFor } from '../grpc/port-limits.js';
import type { Defect } from '../istio/endpoints.js';
import type { ResourceSetObserver } from '../istio/resource-set.js';
import type { McpMetrics } from './metrics.js';
import { typeLabel } from './types.js';

/** What was logged once and is not logged again; forgets all when full, so that it stays small. */
class OncePer {
  readonly #seen = new Set<string>();
  static readonly #limit = 1000;

  first(key: string): boolean {
    if (this.#seen.has(key)) return false;
    if (this.#seen.size >= OncePer.#limit) this.#seen.clear();
    this.#seen.add(key);
    return true;
  }
}

/** Turns what happens on streams and to resources into logs and metrics. */
export class McpObserver implements AdsServerObserver, XdsObserver, ResourceSetObserver {
  readonly #sink: string;
  readonly #logger: Logger;
  readonly #metrics: McpMetrics;
  readonly #logged = new OncePer();

  constructor(sink: string, logger: Logger, metrics: McpMetrics) {
    this.#sink = sink;
    this.#logger = logger;
    this.#metrics = metrics;
  }

  onOpened(peer: string): void {
    this.#metrics.streams.inc({ sink: this.#sink });
    this.#metrics.clients.inc({ sink: this.#sink });
    this.#logger.info({ peer }, 'client connected');
  }

  onClosed(peer: string): void {
    this.#metrics.clients.dec({ sink: this.#sink });
    this.#logger.info({ peer }, 'client gone');
  }

  onRefused(peer: string, limit: RefusedFor, details: string): void {
    this.#metrics.refused.inc({ sink: this.#sink, limit });
    if (this.#logged.first(`refused ${limit} ${peer.replace(/:\d+$/, '')}`)) {
      this.#logger.warn({ peer, limit, details }, 'client refused');
    }
  }

  onOverLimit(limit: RefusedFor): void {
    this.#metrics.refused.inc({ sink: this.#sink, limit });
  }

  onAcceptError(error: Error): void {
    if (this.#logged.first(`accept ${error.message}`)) {
      this.#logger.warn(
        { error: error.message },
        'a connection could not be accepted, or a renewed certificate cannot be used',
      );
    }
  }

  onEnded(code: EndCode, details: string): void {
    this.#metrics.ended.inc({ sink: this.#sink, code });
    this.#logger.warn({ code, details }, 'stream ended');
  }

  onRequest(typeUrl: string, kind: RequestKind): void {
    this.#metrics.requests.inc({ sink: this.#sink, type: typeLabel(typeUrl), kind });
  }

  onSent(typeUrl: string, byteLength: number): void {
    const labels = { sink: this.#sink, type: typeLabel(typeUrl) };
    this.#metrics.responses.inc(labels);
    this.#metrics.responseBytes.inc(labels, byteLength);
  }

  onAck(typeUrl: string, ms: number): void {
    this.#metrics.ackSeconds.observe({ sink: this.#sink, type: typeLabel(typeUrl) }, ms / 1000);
  }

  onNack(typeUrl: string, message: string): void {
    if (this.#logged.first(`nack ${typeUrl} ${message}`)) {
      this.#logger.warn({ type: typeUrl, error: message }, 'a client refused what it was sent');
    }
  }

  onInvalid(host: string, reasons: readonly string[]): void {
    this.#metrics.refusals.inc({ sink: this.#sink });
    if (this.#logged.first(`invalid ${host}`)) {
      this.#logger.warn({ host, reasons }, 'istiod would refuse this service; its last good copy stays');
    }
  }

  onDefects(host: string, defects: readonly Defect[]): void {
    for (const { part } of defects) this.#metrics.defects.inc({ sink: this.#sink, part });
    if (this.#logged.first(`defects ${host}`)) {
      this.#logger.warn({ host, count: defects.length, first: defects[0] }, 'parts of this service are left out');
    }
  }
}
