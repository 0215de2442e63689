import type { ConnectedClient } from '../../core/sink/sink.js';
import type { AdsClientStatus } from './ads-server.js';
import type { AdsTypeStatus } from './ads-session.js';

/**
 * A stream as operators of all sinks see it.
 * @param lagMs of a type, where the stream does not know it by itself
 */
export function connectedClient(
  { peer, node, connectedSinceMs, types }: AdsClientStatus,
  lagMs: (type: AdsTypeStatus) => number = (type) => type.lagMs ?? 0,
): ConnectedClient {
  return {
    peer,
    node,
    connectedSinceMs,
    subscriptions: types.map((type) => {
      const { typeUrl, state, acked, error } = type;
      return {
        typeUrl,
        state,
        ...(acked === undefined ? {} : { ackedVersion: acked.version }),
        lagMs: lagMs(type),
        ...(error === undefined ? {} : { error }),
      };
    }),
  };
}
