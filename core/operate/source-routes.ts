import type { AcceptedServices, ConsumerList, RuleList } from '../api/resources.js';
import type { Engine } from '../engine/engine.js';
import type { HttpRequest, HttpRoute } from '../plugin/http.js';
import { HttpProblem } from '../plugin/http.js';
import { unitOf } from './guard-routes.js';

/** Services of a page: an answer of a registry with large services stays bounded too. */
const pageSize = 500;
const maxConsumers = 10_000;
const maxRules = 10_000;

/**
 * What is known of sources beside the catalog: `POST /api/v1/sources/:name/audit`, `GET …/services` (what guards let
 * through, before shaping and naming), `GET /api/v1/consumers`, `GET /api/v1/rules`.
 */
export function sourceRoutes(engine: Engine): readonly HttpRoute[] {
  return [
    { method: 'POST', path: '/api/v1/sources/:name/audit', handle: (request) => audit(engine, request) },
    {
      method: 'GET',
      path: '/api/v1/sources/:name/services',
      handle: (request) => ({ status: 200, body: accepted(engine, request) }),
    },
    { method: 'GET', path: '/api/v1/consumers', handle: () => ({ status: 200, body: consumers(engine) }) },
    { method: 'GET', path: '/api/v1/rules', handle: () => ({ status: 200, body: rules(engine) }) },
  ];
}

async function audit(engine: Engine, { params, signal }: HttpRequest) {
  const { supervisor } = unitOf(engine, params['name'] ?? '');
  try {
    return { status: 200, body: await supervisor.audit(signal) };
  } catch (error) {
    signal.throwIfAborted();
    throw new HttpProblem(409, 'Conflict', error instanceof Error ? error.message : String(error));
  }
}

function accepted(engine: Engine, { params, query }: HttpRequest): AcceptedServices {
  const { services } = unitOf(engine, params['name'] ?? '').guarded;
  const after = query['continue'] === undefined ? undefined : Buffer.from(query['continue'], 'base64url').toString();
  // Sorted by page: pages are asked for by hand and by `isthmus plan`, not by what has to be fast.
  const names = [...services.keys()].sort().filter((name) => after === undefined || name > after);
  const page = names.slice(0, pageSize);
  const last = page.at(-1);
  return {
    items: page.flatMap((name) => services.get(name) ?? []),
    ...(names.length > page.length && last !== undefined ? { continue: Buffer.from(last).toString('base64url') } : {}),
  };
}

function consumers(engine: Engine): ConsumerList {
  const all = engine.units.flatMap(({ name, supervisor }) =>
    [...supervisor.consumers.services].flatMap(([service, list]) =>
      list.map((consumer) => ({ source: name, service, ...consumer })),
    ),
  );
  return { items: all.slice(0, maxConsumers), total: all.length };
}

function rules(engine: Engine): RuleList {
  const all = engine.units.flatMap(({ name, reported }) =>
    [...reported.services.values()].flatMap((service) =>
      (service.rules ?? []).map((rule) => ({ source: name, service: service.name, ...rule })),
    ),
  );
  return { items: all.slice(0, maxRules), total: all.length };
}
