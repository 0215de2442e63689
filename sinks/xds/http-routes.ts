import type { Port, Protocol } from '../../core/plugin/index.js';
import { PreviousHostsPredicate } from '../../proto/gen/envoy_filters.js';
import { type Route, type RouteAction, type RouteMatch, VirtualHost } from '../../proto/gen/envoy_route.js';
import { encodeMessage } from '../grpc/encode.js';
import { durationOf } from './duration.js';
import type { ExposedService } from './exposure.js';
import type { RetryConfig } from './gateway-config.js';
import type { Piece } from './listener-part.js';
import { clusterName } from './names.js';
import { anyOf } from './resource.js';
import { extensionTypes } from './types.js';

export const grpcProtocols: readonly Protocol[] = ['grpc', 'tri'];
export const httpProtocols: readonly Protocol[] = ['http', 'rest', 'http2', 'grpc-web'];
export const routedProtocols: readonly Protocol[] = [...httpProtocols, ...grpcProtocols];

/** The routes below one prefix of paths. */
export interface PrefixRoutes {
  readonly prefix: string;
  readonly routes: readonly Route[];
}

/** What one service is on the HTTP listeners of a gateway. */
export interface HttpPiece extends Piece {
  readonly host: string;
  readonly domains: readonly string[];
  readonly sharedDomains: readonly string[];
  /** The longest prefix first. */
  readonly prefixes: readonly PrefixRoutes[];
  /** The encoded virtual host with `domains`. */
  readonly virtualHost: Buffer;
}

/** The routes of a service: gRPC calls to its gRPC port and all else to its HTTP port, if it has both. */
export function httpPiece(gateway: string, exposed: ExposedService): HttpPiece | undefined {
  const { host, domains, sharedDomains } = exposed;
  const grpcPort = exposed.portOf(grpcProtocols);
  const httpPort = exposed.portOf(httpProtocols);
  if (!grpcPort && !httpPort) return undefined;
  const prefixes = [...exposed.paths].sort(byLength).map((prefix): PrefixRoutes => {
    const routes: Route[] = [];
    const add = (port: number, isGrpc: boolean, match: RouteMatch) =>
      routes.push({ name: '', match, route: actionOf(clusterName(gateway, host, port), prefix, exposed, isGrpc) });
    if (grpcPort) add(grpcPort.number, true, httpPort ? { ...matchOf(prefix), grpc: {} } : matchOf(prefix));
    if (httpPort) add(httpPort.number, false, matchOf(prefix));
    return { prefix, routes };
  });
  const virtualHost = encodeVirtualHost(host, domains, prefixes);
  const signature = `${virtualHost.toString('latin1')}\n${sharedDomains.join()}`;
  const ports = [grpcPort, httpPort].flatMap((port: Port | undefined) => port?.number ?? []);
  return { host, domains, sharedDomains, prefixes, virtualHost, signature, ports };
}

export function encodeVirtualHost(name: string, domains: readonly string[], prefixes: readonly PrefixRoutes[]): Buffer {
  const routes = prefixes.flatMap(({ routes: own }) => own);
  return encodeMessage(VirtualHost, { name, domains: [...domains], routes });
}

/** The longest first, for the first route that matches is taken. */
export function byLength(a: string, b: string): number {
  return b.length - a.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** Whole segments: /orders is not a prefix of /orders-archive. */
function matchOf(prefix: string): RouteMatch {
  return prefix.endsWith('/') ? { prefix, pathSeparatedPrefix: '' } : { prefix: '', pathSeparatedPrefix: prefix };
}

function actionOf(cluster: string, prefix: string, exposed: ExposedService, isGrpc: boolean): RouteAction {
  const { stripPath, timeoutMs, retry } = exposed;
  return {
    cluster,
    prefixRewrite: '',
    ...(stripPath && prefix !== '/' && { regexRewrite: withoutPrefix(prefix) }),
    ...(retry && { retryPolicy: retryPolicy(retry) }),
    // Streams have no end that could be waited for: the caller's own deadline holds.
    ...(isGrpc
      ? { timeout: durationOf(0), maxStreamDuration: { grpcTimeoutHeaderMax: durationOf(0) } }
      : { timeout: durationOf(timeoutMs) }),
  };
}

/** By a pattern: as a prefix, /orders/1 less /orders would become //1. */
function withoutPrefix(prefix: string) {
  const literal = prefix.replace(/\/$/, '').replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return { pattern: { regex: `^${literal}/?` }, substitution: '/' };
}

const anotherHost = {
  name: 'envoy.retry_host_predicates.previous_hosts',
  typedConfig: anyOf(extensionTypes.previousHosts, PreviousHostsPredicate, {}),
};

function retryPolicy({ on, attempts, perTryTimeoutMs }: RetryConfig): NonNullable<RouteAction['retryPolicy']> {
  return {
    retryOn: on.join(','),
    numRetries: { value: attempts },
    ...(perTryTimeoutMs !== undefined && { perTryTimeout: durationOf(perTryTimeoutMs) }),
    // Another instance than the one that failed, if there is one.
    retryHostPredicate: [anotherHost],
    hostSelectionRetryMaxAttempts: 5,
    retriableStatusCodes: [],
  };
}
