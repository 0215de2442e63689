import type { HostPort } from '../../core/plugin/index.js';
import type { TransportSocket } from '../../proto/gen/envoy_core.js';
import { HttpConnectionManager, Router, TcpProxy } from '../../proto/gen/envoy_filters.js';
import {
  type Filter,
  type FilterChain,
  Listener,
  type ListenerFilter,
  TlsInspector,
  TrafficDirection,
} from '../../proto/gen/envoy_listener.js';
import { encodeMessage } from '../grpc/encode.js';
import { adsSource } from './config-source.js';
import { durationOf } from './duration.js';
import { anyOf } from './resource.js';
import { extensionTypes } from './types.js';

const bufferLimitBytes = 32 * 1024;
const handshakeTimeoutMs = 15_000;

export const tlsInspector: ListenerFilter = {
  name: 'envoy.filters.listener.tls_inspector',
  typedConfig: anyOf(extensionTypes.tlsInspector, TlsInspector, {}),
};

export const routerFilter = {
  name: 'envoy.filters.http.router',
  typedConfig: anyOf(extensionTypes.router, Router, {}),
};

/** Encodes a listener; it must have a filter chain, or Envoy refuses it. */
export function encodeListener(
  name: string,
  { host, port }: HostPort,
  filterChains: FilterChain[],
  listenerFilters: ListenerFilter[] = [],
): Buffer {
  const message: Listener = {
    name,
    address: { socketAddress: { address: host, portValue: port } },
    statPrefix: name.replace('/', '_'),
    filterChains,
    perConnectionBufferLimitBytes: { value: bufferLimitBytes },
    listenerFilters,
    trafficDirection: TrafficDirection.INBOUND,
  };
  return encodeMessage(Listener, message);
}

export interface ChainOptions {
  readonly name: string;
  readonly filter: Filter;
  /** Names that the client may ask for; every one when absent. */
  readonly serverNames?: readonly string[];
  readonly socket?: TransportSocket;
}

export function filterChain({ name, filter, serverNames, socket }: ChainOptions): FilterChain {
  return {
    name,
    ...(serverNames && { filterChainMatch: { serverNames: [...serverNames], transportProtocol: 'tls' } }),
    filters: [filter],
    ...(socket && { transportSocket: socket, transportSocketConnectTimeout: durationOf(handshakeTimeoutMs) }),
  };
}

/** Bytes to one cluster. A connection that cannot be made is tried on another instance. */
export function tcpFilter(statPrefix: string, cluster: string): Filter {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typedConfig: anyOf(extensionTypes.tcpProxy, TcpProxy, {
      statPrefix,
      cluster,
      maxConnectAttempts: { value: 3 },
    }),
  };
}

/** HTTP by routes of the listener's own name. Limits are those of Envoy's guide for edge proxies. */
export function httpFilter(statPrefix: string, routes: string): Filter {
  const manager: HttpConnectionManager = {
    statPrefix,
    rds: { configSource: adsSource, routeConfigName: routes },
    httpFilters: [routerFilter],
    commonHttpProtocolOptions: { idleTimeout: durationOf(3_600_000) },
    http2ProtocolOptions: {
      maxConcurrentStreams: { value: 100 },
      initialStreamWindowSize: { value: 64 * 1024 },
      initialConnectionWindowSize: { value: 1024 * 1024 },
    },
    streamIdleTimeout: durationOf(300_000),
    requestHeadersTimeout: durationOf(10_000),
    useRemoteAddress: { value: true },
    normalizePath: { value: true },
    upgradeConfigs: [{ upgradeType: 'websocket' }],
  };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typedConfig: anyOf(extensionTypes.httpConnectionManager, HttpConnectionManager, manager),
  };
}
