import type { Logger } from 'pino';
import { StreamObserver } from '../grpc/stream-observer.js';
import type { Defect } from '../istio/endpoints.js';
import type { ResourceSetObserver } from '../istio/resource-set.js';
import type { McpMetrics } from './metrics.js';
import { typeLabel } from './types.js';

/** Turns what happens on streams and to resources into logs and metrics. */
export class McpObserver extends StreamObserver implements ResourceSetObserver {
  readonly #metrics: McpMetrics;

  constructor(sink: string, logger: Logger, metrics: McpMetrics) {
    super({ sink, logger, metrics, typeLabel });
    this.#metrics = metrics;
  }

  onInvalid(host: string, reasons: readonly string[]): void {
    this.#metrics.refusals.inc({ sink: this.sink });
    if (this.logged.first(`invalid ${host}`)) {
      this.logger.warn({ host, reasons }, 'istiod would refuse this service; its last good copy stays');
    }
  }

  onDefects(host: string, defects: readonly Defect[]): void {
    for (const { part } of defects) this.#metrics.defects.inc({ sink: this.sink, part });
    if (this.logged.first(`defects ${host}`)) {
      this.logger.warn({ host, count: defects.length, first: defects[0] }, 'parts of this service are left out');
    }
  }
}
