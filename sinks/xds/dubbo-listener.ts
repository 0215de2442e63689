import { DubboProxy, type DubboRouteConfiguration, MultipleRouteConfiguration } from '../../proto/gen/envoy_filters.js';
import { encodeMessage } from '../grpc/encode.js';
import { adsSource } from './config-source.js';
import { type DubboIdentity, dubboIdentities } from './dubbo-identity.js';
import type { ListenerOf } from './gateway-config.js';
import { encodeListener, filterChain } from './listener.js';
import { DefectBook, type ListenerKind, type Piece } from './listener-part.js';
import { clusterName, listenerName } from './names.js';
import { anyOf, resourceOf } from './resource.js';
import { type FileContents, tlsSocket } from './tls-context.js';
import { extensionTypes, types } from './types.js';

interface DubboPiece extends Piece {
  readonly host: string;
  readonly cluster: string;
  readonly identities: readonly DubboIdentity[];
}

const everyMethod = { method: { name: { exact: '', safeRegex: { regex: '.*' } } } };

/** Dubbo calls by interface, group and version, with routes apart from the listener: its connections outlive changes. */
export function dubboListener(
  gateway: string,
  config: ListenerOf<'dubbo'>,
  files: FileContents,
): ListenerKind<DubboPiece> {
  const name = listenerName(gateway, config.name);
  const proxy = { statPrefix: config.name, drds: { configSource: adsSource, routeConfigName: name } };
  const socket = config.tls && tlsSocket(config.tls, [], files);
  const filter = {
    name: 'envoy.filters.network.dubbo_proxy',
    typedConfig: anyOf(extensionTypes.dubboProxy, DubboProxy, proxy),
  };
  const chain = filterChain({ name: 'dubbo', filter, ...(socket && { socket }) });
  const listener = resourceOf(types.listener, name, encodeListener(name, config.listen, [chain]), { gateway });
  return {
    pieceOf(exposed) {
      const port = exposed.portOf(['dubbo']);
      const identities = port && dubboIdentities(exposed.service);
      if (!port || !identities || identities.length === 0) return undefined;
      const cluster = clusterName(gateway, exposed.host, port.number);
      const signature = JSON.stringify([cluster, identities]);
      return { host: exposed.host, cluster, identities, ports: [port.number], signature };
    },
    assemble(pieces) {
      const book = new DefectBook();
      const routes = routesOf(pieces.values(), book);
      const bytes = encodeMessage(MultipleRouteConfiguration, { name, routeConfig: routes });
      return { resources: [listener, resourceOf(types.dubboRoutes, name, bytes, 'none')], defects: book.byHost };
    },
  };
}

/** Envoy takes the first that matches, and what names no group or version matches every one: those come last. */
function routesOf(pieces: Iterable<DubboPiece>, book: DefectBook): DubboRouteConfiguration[] {
  const taken = new Map<string, string>();
  const routes: DubboRouteConfiguration[] = [];
  for (const { host, cluster, identities } of pieces) {
    for (const { interfaceName, group, version } of identities) {
      const name = `${interfaceName}:${version}:${group}`;
      const holder = taken.get(name);
      if (holder !== undefined) {
        book.add(host, 'route', name, `${holder} is called by this interface, version and group already`);
        continue;
      }
      taken.set(name, host);
      routes.push({
        name,
        interface: interfaceName,
        group,
        version,
        routes: [{ match: everyMethod, route: { cluster } }],
      });
    }
  }
  const named = ({ group, version }: DubboRouteConfiguration) => Number(group !== '') + Number(version !== '');
  return routes.sort((a, b) => named(b) - named(a) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
