import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Rate, errors and duration of the API. Labels hold the pattern of a route, never a path: a caller can't add series. */
export class ApiMetrics {
  readonly #requests: Counter;
  readonly #durations: Histogram;
  readonly watchers: Gauge;

  constructor(registry: Registry) {
    this.#requests = new Counter({
      name: 'isthmus_api_requests_total',
      help: 'Requests answered.',
      labelNames: ['method', 'route', 'status'],
      registers: [registry],
    });
    this.#durations = new Histogram({
      name: 'isthmus_api_request_duration_seconds',
      help: 'From the request to the end of its answer.',
      labelNames: ['route'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10],
      registers: [registry],
    });
    this.watchers = new Gauge({
      name: 'isthmus_api_watchers',
      help: 'Open watches of services.',
      registers: [registry],
    });
  }

  /** @param route pattern of the route, undefined for a path that has none */
  answered(method: string, route: string | undefined, status: number, durationMs: number): void {
    if (route === undefined) {
      this.#requests.inc({ method: 'other', route: 'none', status });
      return;
    }
    this.#requests.inc({ method, route, status });
    this.#durations.observe({ route }, durationMs / 1000);
  }
}
