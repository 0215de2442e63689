import type { ListenerOf } from './gateway-config.js';
import { type HttpPiece, httpPiece } from './http-routes.js';
import { encodeListener, filterChain, httpFilter } from './listener.js';
import type { ListenerKind } from './listener-part.js';
import { listenerName } from './names.js';
import { resourceOf } from './resource.js';
import { encodeRouteConfiguration } from './route-configuration.js';
import { type FileContents, tlsSocket } from './tls-context.js';
import { types } from './types.js';

/** HTTP, gRPC and WebSockets by host and path: a listener that stays as it is, and routes that change with services. */
export function httpListener(
  gateway: string,
  config: ListenerOf<'http'>,
  files: FileContents,
): ListenerKind<HttpPiece> {
  const name = listenerName(gateway, config.name);
  const wildcard = { gateway };
  const socket = config.tls && tlsSocket(config.tls, ['h2', 'http/1.1'], files);
  const chain = filterChain({ name: 'http', filter: httpFilter(config.name, name), ...(socket && { socket }) });
  const listener = resourceOf(types.listener, name, encodeListener(name, config.listen, [chain]), wildcard);
  return {
    pieceOf: (exposed) => httpPiece(gateway, exposed),
    assemble(pieces) {
      const { bytes, defects } = encodeRouteConfiguration(name, pieces);
      return { resources: [listener, resourceOf(types.routes, name, bytes, 'none')], defects };
    },
  };
}
