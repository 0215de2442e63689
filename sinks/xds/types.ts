/** Type URLs of the resources that are served. */
export const types = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routes: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  dubboRoutes: 'type.googleapis.com/envoy.extensions.filters.network.dubbo_proxy.v3.MultipleRouteConfiguration',
  thriftRoutes: 'type.googleapis.com/envoy.extensions.filters.network.thrift_proxy.v3.RouteConfiguration',
} as const;

export type ServedType = (typeof types)[keyof typeof types];

/** Type URLs of the extensions that resources name. */
export const extensionTypes = {
  httpConnectionManager:
    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  router: 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
  tcpProxy: 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
  dubboProxy: 'type.googleapis.com/envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy',
  thriftProxy: 'type.googleapis.com/envoy.extensions.filters.network.thrift_proxy.v3.ThriftProxy',
  tlsInspector: 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  downstreamTls: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
  upstreamHttp: 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  previousHosts: 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
} as const;

const served: ReadonlySet<string> = new Set(Object.values(types));

/** The type as a metric's label: peers choose type URLs, and must not choose how many series there are. */
export function typeLabel(typeUrl: string): string {
  return served.has(typeUrl) ? shortType(typeUrl) : 'unknown';
}

/** `Cluster` of `type.googleapis.com/envoy.config.cluster.v3.Cluster`. */
export function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
