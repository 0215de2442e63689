import { Any } from '../../../../proto/gen/any.js';
import { Cluster, UpstreamHttpProtocolOptions } from '../../../../proto/gen/envoy_cluster.js';
import { ClusterLoadAssignment } from '../../../../proto/gen/envoy_endpoint.js';
import {
  DubboProxy,
  HttpConnectionManager,
  MultipleRouteConfiguration,
  PreviousHostsPredicate,
  Router,
  TcpProxy,
  ThriftProxy,
  ThriftRouteConfiguration,
} from '../../../../proto/gen/envoy_filters.js';
import { DownstreamTlsContext, Listener, TlsInspector } from '../../../../proto/gen/envoy_listener.js';
import { RouteConfiguration } from '../../../../proto/gen/envoy_route.js';
import type { XdsResource } from '../../../../sinks/grpc/xds-resource.js';
import { extensionTypes, types } from '../../../../sinks/xds/types.js';

const decoders: Readonly<Record<string, { decode(bytes: Uint8Array): unknown }>> = {
  [types.cluster]: Cluster,
  [types.endpoints]: ClusterLoadAssignment,
  [types.listener]: Listener,
  [types.routes]: RouteConfiguration,
  [types.dubboRoutes]: MultipleRouteConfiguration,
  [types.thriftRoutes]: ThriftRouteConfiguration,
  [extensionTypes.httpConnectionManager]: HttpConnectionManager,
  [extensionTypes.router]: Router,
  [extensionTypes.tcpProxy]: TcpProxy,
  [extensionTypes.dubboProxy]: DubboProxy,
  [extensionTypes.thriftProxy]: ThriftProxy,
  [extensionTypes.tlsInspector]: TlsInspector,
  [extensionTypes.downstreamTls]: DownstreamTlsContext,
  [extensionTypes.upstreamHttp]: UpstreamHttpProtocolOptions,
  [extensionTypes.previousHosts]: PreviousHostsPredicate,
};

/** What goes onto the wire, decoded again for people: without defaults, extensions in place of their bytes. */
export function readable({ any, wildcard }: XdsResource): object {
  const outer = Any.decode(any);
  return { sentTo: wildcard, ...(shown(outer) as object) };
}

/** Empty strings, zeros, false and empty lists are what protobuf does not write. */
function shown(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.length === 0 ? undefined : `${value.length} bytes`;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => shown(item) ?? {});
  if (typeof value !== 'object' || value === null)
    return value === 0 || value === '' || value === false ? undefined : value;
  if (isAny(value)) {
    const decoder = decoders[value.typeUrl];
    if (!decoder) throw new Error(`no decoder for ${value.typeUrl}`);
    return { '@type': value.typeUrl.replace(/^.*[/]/, ''), ...(shown(decoder.decode(value.value)) as object) };
  }
  const entries = Object.entries(value).map(([key, item]) => [key, key === 'value' ? item : shown(item)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
}

function isAny(value: object): value is Any {
  return 'typeUrl' in value && 'value' in value && Buffer.isBuffer(value.value);
}
