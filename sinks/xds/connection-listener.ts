import type { Protocol } from '../../core/plugin/index.js';
import type { FilterChain } from '../../proto/gen/envoy_listener.js';
import type { ExposedService } from './exposure.js';
import type { ListenerOf } from './gateway-config.js';
import { encodeListener, filterChain, tcpFilter, tlsInspector } from './listener.js';
import { type Assembled, DefectBook, type ListenerKind, type Piece } from './listener-part.js';
import { clusterName, listenerName } from './names.js';
import { resourceOf } from './resource.js';
import { type FileContents, tlsSocket } from './tls-context.js';
import { types } from './types.js';

/** What speaks TLS by itself. */
export const passThroughProtocols: readonly Protocol[] = ['tls', 'https'];
/** What is bytes to Envoy. */
export const byteProtocols: readonly Protocol[] = ['tcp', 'redis', 'mongo', 'mysql', 'thrift', 'dubbo', 'tls', 'https'];

/** One service on a listener of connections. */
interface ConnectionPiece extends Piece {
  readonly host: string;
  readonly cluster: string;
  readonly serverNames: readonly string[];
}

const none: Assembled = { resources: [], defects: new Map() };

/**
 * Connections by the name that the client asks for (SNI), or of one service: a filter chain a service. Those of services
 * that stay are not touched when another comes or goes.
 */
export function connectionListener(
  gateway: string,
  config: ListenerOf<'tls'> | ListenerOf<'tcp'>,
  files: FileContents,
): ListenerKind<ConnectionPiece> {
  const name = listenerName(gateway, config.name);
  const protocols = config.protocol === 'tls' ? passThroughProtocols : byteProtocols;
  const only = config.protocol === 'tcp' ? config.service : undefined;
  const tls = config.protocol === 'tcp' ? config.tls : undefined;
  const socket = tls && tlsSocket(tls, [], files);
  const chainOf = ({ host, cluster }: ConnectionPiece, serverNames: readonly string[] | undefined): FilterChain =>
    filterChain({
      name: host,
      filter: tcpFilter(config.name, cluster),
      ...(serverNames && { serverNames }),
      ...(socket && { socket }),
    });
  return {
    pieceOf: (exposed) => pieceOf(gateway, exposed, protocols, only),
    assemble(pieces) {
      const book = new DefectBook();
      const taken = new Map<string, string>();
      const chains: FilterChain[] = [];
      for (const piece of pieces.values()) {
        if (only !== undefined) {
          chains.push(chainOf(piece, undefined));
          continue;
        }
        const free = piece.serverNames.filter((serverName) => {
          const holder = taken.get(serverName);
          if (holder === undefined) taken.set(serverName, piece.host);
          else book.add(piece.host, 'domain', serverName, `${holder} has this name already`);
          return holder === undefined;
        });
        if (free.length > 0) chains.push(chainOf(piece, free));
      }
      // Envoy refuses a listener with no filter chain.
      if (chains.length === 0) return { ...none, defects: book.byHost };
      const bytes = encodeListener(name, config.listen, chains, only === undefined ? [tlsInspector] : []);
      return { resources: [resourceOf(types.listener, name, bytes, { gateway })], defects: book.byHost };
    },
  };
}

function pieceOf(
  gateway: string,
  exposed: ExposedService,
  protocols: readonly Protocol[],
  only: string | undefined,
): ConnectionPiece | undefined {
  const { host, domains, sharedDomains } = exposed;
  if (only !== undefined && only !== host) return undefined;
  const port = exposed.portOf(protocols);
  if (port === undefined) return undefined;
  const cluster = clusterName(gateway, host, port.number);
  const serverNames = [...domains, ...sharedDomains];
  return { host, cluster, serverNames, ports: [port.number], signature: `${cluster} ${serverNames.join()}` };
}
