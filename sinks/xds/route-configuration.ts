import { RouteConfiguration } from '../../proto/gen/envoy_route.js';
import { encodeMessage } from '../grpc/encode.js';
import { byLength, encodeVirtualHost, type HttpPiece, type PrefixRoutes } from './http-routes.js';
import { DefectBook } from './listener-part.js';
import { fieldHead } from './resource.js';

const virtualHostsField = 2;

/** A service's claim to a name. */
interface Claim {
  readonly piece: HttpPiece;
  readonly domain: string;
}

/**
 * Encodes the routes of a listener: a virtual host a service, of bytes that are encoded already, and one for each name
 * that several services share.
 */
export function encodeRouteConfiguration(
  name: string,
  pieces: Iterable<HttpPiece>,
): { readonly bytes: Buffer; readonly defects: DefectBook['byHost'] } {
  const book = new DefectBook();
  const all = [...pieces];
  const claims = new Map<string, Claim[]>();
  for (const piece of all) {
    for (const domain of [...piece.domains, ...piece.sharedDomains]) {
      const known = claims.get(domain);
      if (known) known.push({ piece, domain });
      else claims.set(domain, [{ piece, domain }]);
    }
  }
  const parts: Buffer[] = [
    encodeMessage(RouteConfiguration, { name, virtualHosts: [], ignorePortInHostMatching: true }),
  ];
  const add = (virtualHost: Buffer) => parts.push(fieldHead(virtualHostsField, virtualHost.length), virtualHost);
  for (const piece of all) {
    const isOwn = (domain: string) => claims.get(domain)?.length === 1;
    if (piece.sharedDomains.length === 0 && piece.domains.every(isOwn)) {
      if (piece.domains.length > 0) add(piece.virtualHost);
      continue;
    }
    const own = [...piece.domains, ...piece.sharedDomains].filter(isOwn);
    if (own.length > 0) add(encodeVirtualHost(piece.host, own, piece.prefixes));
  }
  for (const [domain, sharing] of claims) {
    if (sharing.length > 1) add(encodeVirtualHost(`shared ${domain}`, [domain], divide(domain, sharing, book)));
  }
  return { bytes: Buffer.concat(parts), defects: book.byHost };
}

/** The paths of a name that several services have; of two with one path, the first has it. */
function divide(domain: string, claims: readonly Claim[], book: DefectBook): PrefixRoutes[] {
  const byPrefix = new Map<string, { host: string; own: PrefixRoutes }>();
  for (const { piece } of claims) {
    for (const own of piece.prefixes) {
      const known = byPrefix.get(own.prefix);
      if (known === undefined) byPrefix.set(own.prefix, { host: piece.host, own });
      else book.add(piece.host, 'route', `${domain}${own.prefix}`, `${known.host} has this path of the name already`);
    }
  }
  return [...byPrefix.values()].map(({ own }) => own).sort((a, b) => byLength(a.prefix, b.prefix));
}
