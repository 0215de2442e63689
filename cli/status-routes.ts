import type { CatalogProblem } from '../core/catalog/live-catalog.js';
import type { HttpRoute } from '../core/plugin/index.js';
import type { SinkStatus } from '../core/sink/sink.js';

export interface StatusReadings {
  /** What the catalog could not do as asked, now. */
  problems(): readonly CatalogProblem[];
  sinks(): readonly ({ readonly name: string; readonly kind: string } & SinkStatus)[];
}

const shownProblems = 1000;

/** What operators look at when something is amiss: GET /api/v1/problems and /api/v1/sinks. */
export function statusRoutes({ problems, sinks }: StatusReadings): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/problems',
      handle: () => {
        const all = problems();
        return { status: 200, body: { total: all.length, items: all.slice(0, shownProblems) } };
      },
    },
    { method: 'GET', path: '/api/v1/sinks', handle: () => ({ status: 200, body: { items: sinks() } }) },
  ];
}
