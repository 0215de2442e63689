import type { FastifyReply } from 'fastify';
import type { Gauge } from 'prom-client';
import { HttpProblem } from '../../core/plugin/index.js';
import { streamChanges, type WatchStreamOptions } from './watch-stream.js';

/** The open watches: a bounded number, each on its own connection. */
export class Watchers {
  readonly #max: number;
  readonly #gauge: Gauge;
  readonly #open = new Set<AbortController>();
  #isStopped = false;

  constructor(max: number, gauge: Gauge) {
    this.#max = max;
    this.#gauge = gauge;
  }

  /** Streams on `reply` until its reader is gone or {@link stop}; resolves then. */
  async serve(reply: FastifyReply, options: WatchStreamOptions): Promise<void> {
    if (this.#isStopped || this.#open.size >= this.#max) {
      void reply.header('retry-after', '5');
      throw new HttpProblem(503, 'Service Unavailable', `there are ${this.#max} watches already`);
    }
    const controller = new AbortController();
    this.#open.add(controller);
    this.#gauge.set(this.#open.size);
    const headers = reply.getHeaders();
    reply.hijack();
    const response = reply.raw;
    response.once('close', () => controller.abort());
    response.on('error', () => controller.abort());
    response.writeHead(200, { ...headers, 'content-type': 'application/x-ndjson' } as Record<string, string>);
    response.flushHeaders();
    try {
      await streamChanges(response, options, controller.signal);
      response.end();
    } catch {
      response.destroy(); // a reader that takes nothing: there is nobody to tell
    } finally {
      controller.abort();
      this.#open.delete(controller);
      this.#gauge.set(this.#open.size);
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const controller of this.#open) controller.abort();
  }
}
