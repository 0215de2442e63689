import type { ClientList } from '../api/resources.js';
import type { HttpRoute } from '../plugin/http.js';
import type { Sink } from '../sink/sink.js';

const maxClients = 10_000;

/** `GET /api/v1/clients`: who is connected to the sinks, what they have confirmed and how far they are behind. */
export function clientRoutes(
  sinks: readonly { readonly name: string; readonly kind: string; readonly sink: Sink }[],
): readonly HttpRoute[] {
  const list = (): ClientList => {
    const all = sinks.flatMap(({ name, kind, sink }) =>
      (sink.clients?.() ?? []).map((client) => ({ sink: name, kind, ...client })),
    );
    return { items: all.slice(0, maxClients), total: all.length };
  };
  return [{ method: 'GET', path: '/api/v1/clients', handle: () => ({ status: 200, body: list() }) }];
}
