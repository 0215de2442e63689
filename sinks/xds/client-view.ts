import type { SinkClient } from '../../core/sink/sink.js';
import type { AdsClientStatus } from '../grpc/ads-server.js';
import type { AdsTypeStatus } from '../grpc/ads-session.js';
import type { XdsResource } from '../grpc/xds-resource.js';
import { types } from './types.js';

const states = ['acked', 'sent', 'behind', 'waiting', 'nacked'] as const;

/**
 * The clients that are sent resources of a host without asking for it by name: those of the gateways that expose it. Each
 * with the worst state of its clusters and endpoints.
 */
export function clientsOf(resources: readonly XdsResource[], clients: readonly AdsClientStatus[]): SinkClient[] {
  const gateways = new Set(resources.flatMap(({ wildcard }) => (typeof wildcard === 'string' ? [] : wildcard.gateway)));
  const names = new Set(resources.map(({ name }) => name));
  return clients
    .filter(({ cluster }) => gateways.has(cluster))
    .map(({ peer, node, types: all }) => {
      const seen = all
        .filter(({ typeUrl }) => typeUrl === types.cluster || typeUrl === types.endpoints)
        .map((type) => stateOf(type, names));
      const worst = seen.sort((a, b) => states.indexOf(b.state) - states.indexOf(a.state))[0];
      return { peer, node, ...(worst ?? { state: 'waiting' }) };
    });
}

function stateOf(type: AdsTypeStatus, names: ReadonlySet<string>): Pick<SinkClient, 'state' | 'error'> {
  const refused = type.refused?.find(({ name }) => names.has(name));
  if (refused) return { state: 'nacked', error: refused.message };
  if (type.state === 'waiting' || type.state === 'sent') return { state: type.state };
  return { state: (type.pending ?? 0) > 0 ? 'behind' : 'acked' };
}
