import { RouteConfiguration } from '../../proto/gen/envoy_route.js';
import { encode } from '../grpc/encode.js';
import { byLength, encodeVirtualHost, type HttpPiece, type PrefixRoutes } from './http-routes.js';
import { DefectBook } from './listener-part.js';

const virtualHostsTag = (2 << 3) | 2;

/**
 * Encodes the routes of a listener: a virtual host a service, of bytes that are encoded already, and one for each name
 * that several services share.
 */
export function encodeRouteConfiguration(
  name: string,
  pieces: ReadonlyMap<string, HttpPiece>,
): { readonly bytes: Buffer; readonly defects: DefectBook['byHost'] } {
  const book = new DefectBook();
  const shared = sharedDomains(pieces.values());
  const virtualHosts: Buffer[] = [];
  for (const piece of pieces.values()) {
    if (piece.sharedDomains.length === 0 && !piece.domains.some((domain) => shared.has(domain))) {
      if (piece.domains.length > 0) virtualHosts.push(piece.virtualHost);
      continue;
    }
    const own = [...piece.domains, ...piece.sharedDomains].filter((domain) => !shared.has(domain));
    if (own.length > 0) virtualHosts.push(encodeVirtualHost(piece.host, own, piece.prefixes));
  }
  for (const [domain, sharing] of shared) {
    virtualHosts.push(encodeVirtualHost(`shared ${domain}`, [domain], divide(domain, sharing, book)));
  }
  const bytes = encode((writer) => {
    RouteConfiguration.encode({ name, virtualHosts: [], ignorePortInHostMatching: true }, writer);
    for (const virtualHost of virtualHosts) writer.uint32(virtualHostsTag).bytes(virtualHost);
  });
  return { bytes, defects: book.byHost };
}

/** The names that more than one service has. */
function sharedDomains(pieces: Iterable<HttpPiece>): ReadonlyMap<string, readonly HttpPiece[]> {
  const first = new Map<string, HttpPiece>();
  const shared = new Map<string, HttpPiece[]>();
  const claim = (domain: string, piece: HttpPiece) => {
    const holder = first.get(domain);
    if (holder === undefined) {
      first.set(domain, piece);
      return;
    }
    const sharing = shared.get(domain);
    if (sharing) sharing.push(piece);
    else shared.set(domain, [holder, piece]);
  };
  for (const piece of pieces) {
    for (const domain of piece.domains) claim(domain, piece);
    for (const domain of piece.sharedDomains) claim(domain, piece);
  }
  return shared;
}

/** The paths of a name that several services have; of two with one path, the first has it. */
function divide(domain: string, pieces: readonly HttpPiece[], book: DefectBook): PrefixRoutes[] {
  const byPrefix = new Map<string, { host: string; own: PrefixRoutes }>();
  for (const piece of pieces) {
    for (const own of piece.prefixes) {
      const known = byPrefix.get(own.prefix);
      if (known === undefined) byPrefix.set(own.prefix, { host: piece.host, own });
      else book.add(piece.host, 'route', `${domain}${own.prefix}`, `${known.host} has this path of the name already`);
    }
  }
  return [...byPrefix.values()].map(({ own }) => own).sort((a, b) => byLength(a.prefix, b.prefix));
}
