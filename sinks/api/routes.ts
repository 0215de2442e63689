import type { FastifyInstance } from 'fastify';
import type { ProblemList, SinkList, SourceList } from '../../core/api/resources.js';
import { HttpProblem } from '../../core/plugin/index.js';
import type { ApiServerOptions } from './api-options.js';
import { filterParameters, Listing, serviceFilter } from './listing.js';
import type { PastCatalog } from './past-catalog.js';
import { allowOnly, flag, toQuery } from './query.js';
import { readinessOf } from './readiness.js';
import type { Watchers } from './watchers.js';

/** Of the catalog's problems, in an answer. */
const maxProblems = 1000;

/** The routes of the API itself. */
export function addRoutes(
  app: FastifyInstance,
  options: ApiServerOptions,
  watchers: Watchers,
  past: PastCatalog,
): void {
  addHealth(app, options);
  addSources(app, options);
  addServices(app, options, watchers, past);
}

function addHealth(app: FastifyInstance, options: ApiServerOptions): void {
  app.route({ method: ['GET', 'HEAD'], url: '/healthz', handler: async () => ({ alive: true }) });
  app.route({
    method: ['GET', 'HEAD'],
    url: '/readyz',
    handler: async (_request, reply) => {
      const readiness = readinessOf(options);
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    },
  });
  const { metrics } = options;
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
}

function addSources(app: FastifyInstance, { sources, sinks, problems }: ApiServerOptions): void {
  app.get('/api/v1/sinks', async (request): Promise<SinkList> => {
    allowOnly(toQuery(request.query), []);
    return { items: sinks() };
  });
  app.get('/api/v1/problems', async (request): Promise<ProblemList> => {
    allowOnly(toQuery(request.query), []);
    const items = problems();
    return { items: items.slice(0, maxProblems), total: items.length };
  });
  app.get('/api/v1/sources', async (request): Promise<SourceList> => {
    allowOnly(toQuery(request.query), []);
    return { items: sources() };
  });
  app.get<{ Params: { name: string } }>('/api/v1/sources/:name', async (request) => {
    const source = sources().find(({ name }) => name === request.params.name);
    if (!source) throw new HttpProblem(404, 'Not Found', 'no source has this name');
    return source;
  });
}

function addServices(app: FastifyInstance, options: ApiServerOptions, watchers: Watchers, past: PastCatalog): void {
  const listing = new Listing(options.catalog);
  app.get('/api/v1/services', async (request, reply) => {
    const query = toQuery(request.query);
    if (query['at'] !== undefined && !flag(query, 'watch')) {
      return past.page(query, (then, rest) => then.services(rest));
    }
    if (!flag(query, 'watch')) return listing.services(query);
    allowOnly(query, [...filterParameters, 'watch']);
    await watchers.serve(reply, {
      catalog: options.catalog,
      filter: serviceFilter(query),
      heartbeatMs: options.heartbeatMs ?? 15_000,
      stallMs: options.stallMs ?? 30_000,
    });
    return reply;
  });
  app.get<{ Params: { host: string } }>('/api/v1/services/:host', async (request) =>
    listing.service(request.params.host),
  );
  app.get('/api/v1/instances', async (request) => {
    const query = toQuery(request.query);
    if (query['at'] !== undefined) return past.page(query, (then, rest) => then.instances(rest));
    return listing.instances(query);
  });
}
