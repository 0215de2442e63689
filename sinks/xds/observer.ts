import type { Logger } from 'pino';
import { StreamObserver } from '../grpc/stream-observer.js';
import type { Defect } from './endpoint.js';
import type { XdsMetrics } from './metrics.js';
import type { ResourcesObserver } from './resources.js';
import { typeLabel } from './types.js';

/** Turns what happens on streams and to resources into logs and metrics. */
export class XdsSinkObserver extends StreamObserver implements ResourcesObserver {
  readonly #metrics: XdsMetrics;

  constructor(sink: string, logger: Logger, metrics: XdsMetrics) {
    super({ sink, logger, metrics, typeLabel });
    this.#metrics = metrics;
  }

  onInvalid(host: string, reasons: readonly string[]): void {
    this.#metrics.refusals.inc({ sink: this.sink });
    if (this.logged.first(`invalid ${host}`)) {
      this.logger.warn({ host, reasons }, 'clients would refuse this service; its last good copy stays');
    }
  }

  onDefects(host: string, defects: readonly Defect[]): void {
    for (const { part } of defects) this.#metrics.defects.inc({ sink: this.sink, part });
    if (this.logged.first(`defects ${host}`)) {
      this.logger.warn({ host, count: defects.length, first: defects[0] }, 'parts of this service are left out');
    }
  }
}
