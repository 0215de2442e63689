import {
  ThriftProtocol,
  ThriftProxy,
  type ThriftRoute,
  ThriftRouteConfiguration,
  ThriftTransport,
} from '../../proto/gen/envoy_filters.js';
import { encodeMessage } from '../grpc/encode.js';
import { adsSource } from './config-source.js';
import type { ListenerOf } from './gateway-config.js';
import { encodeListener, filterChain } from './listener.js';
import { DefectBook, type ListenerKind, type Piece } from './listener-part.js';
import { clusterName, listenerName } from './names.js';
import { anyOf, resourceOf } from './resource.js';
import { type FileContents, tlsSocket } from './tls-context.js';
import { extensionTypes, types } from './types.js';

interface ThriftPiece extends Piece {
  readonly host: string;
  readonly cluster: string;
  /** What calls name it; undefined: every call is for it. */
  readonly serviceName: string | undefined;
}

const transports: Readonly<Record<ListenerOf<'thrift'>['transport'], ThriftTransport>> = {
  auto: ThriftTransport.AUTO_TRANSPORT,
  framed: ThriftTransport.FRAMED,
  unframed: ThriftTransport.UNFRAMED,
  header: ThriftTransport.HEADER,
};
const encodings: Readonly<Record<ListenerOf<'thrift'>['encoding'], ThriftProtocol>> = {
  auto: ThriftProtocol.AUTO_PROTOCOL,
  binary: ThriftProtocol.BINARY,
  'lax-binary': ThriftProtocol.LAX_BINARY,
  compact: ThriftProtocol.COMPACT,
};

/** Thrift calls by the service that multiplexed ones name, or all to one, with routes apart from the listener. */
export function thriftListener(
  gateway: string,
  config: ListenerOf<'thrift'>,
  files: FileContents,
): ListenerKind<ThriftPiece> {
  const name = listenerName(gateway, config.name);
  const proxy: ThriftProxy = {
    transport: transports[config.transport],
    protocol: encodings[config.encoding],
    statPrefix: config.name,
    trds: { configSource: adsSource, routeConfigName: name },
  };
  const socket = config.tls && tlsSocket(config.tls, [], files);
  const filter = {
    name: 'envoy.filters.network.thrift_proxy',
    typedConfig: anyOf(extensionTypes.thriftProxy, ThriftProxy, proxy),
  };
  const chain = filterChain({ name: 'thrift', filter, ...(socket && { socket }) });
  const listener = resourceOf(types.listener, name, encodeListener(name, config.listen, [chain]), { gateway });
  return {
    pieceOf({ host, thriftService, portOf }) {
      if (config.service !== undefined && config.service !== host) return undefined;
      const port = portOf(['thrift']);
      if (port === undefined) return undefined;
      const cluster = clusterName(gateway, host, port.number);
      const serviceName = config.service === undefined ? thriftService : undefined;
      return { host, cluster, serviceName, ports: [port.number], signature: JSON.stringify([cluster, serviceName]) };
    },
    assemble(pieces) {
      const book = new DefectBook();
      const bytes = encodeMessage(ThriftRouteConfiguration, { name, routes: routesOf(pieces.values(), book) });
      return { resources: [listener, resourceOf(types.thriftRoutes, name, bytes, 'none')], defects: book.byHost };
    },
  };
}

function routesOf(pieces: Iterable<ThriftPiece>, book: DefectBook): ThriftRoute[] {
  const taken = new Map<string, string>();
  const routes: ThriftRoute[] = [];
  for (const { host, cluster, serviceName } of pieces) {
    const holder = serviceName === undefined ? undefined : taken.get(serviceName);
    if (holder !== undefined) {
      book.add(host, 'route', serviceName ?? '', `${holder} is called by this name already`);
      continue;
    }
    if (serviceName !== undefined) taken.set(serviceName, host);
    const match = serviceName === undefined ? { methodName: '' } : { serviceName };
    routes.push({ match, route: { cluster } });
  }
  return routes;
}
