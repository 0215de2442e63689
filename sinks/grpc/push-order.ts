const type = (name: string) => `type.googleapis.com/envoy.config.${name}`;

export const listenerType = type('listener.v3.Listener');
export const routeType = type('route.v3.RouteConfiguration');
export const clusterType = type('cluster.v3.Cluster');
export const endpointType = type('endpoint.v3.ClusterLoadAssignment');
/** Routes of filters that have a discovery of their own. */
const filterRouteTypes = [
  'type.googleapis.com/envoy.extensions.filters.network.dubbo_proxy.v3.MultipleRouteConfiguration',
  'type.googleapis.com/envoy.extensions.filters.network.thrift_proxy.v3.RouteConfiguration',
];

/** In which order the types of one stream are written, and what of one type waits for the client's answer to others. */
interface TypeOrder {
  readonly rank: number;
  /** Resources that are set go out when the client has answered for what was set before of these types. */
  readonly setsAfter: readonly string[];
  /** A removal goes out when the client has answered for all that changed before of these types, which may refer to it. */
  readonly removalsAfter: readonly string[];
}

const routeOrder: TypeOrder = { rank: 3, setsAfter: [clusterType, endpointType], removalsAfter: [listenerType] };
const orders: ReadonlyMap<string, TypeOrder> = new Map([
  [clusterType, { rank: 0, setsAfter: [], removalsAfter: [listenerType, routeType, ...filterRouteTypes] }],
  [endpointType, { rank: 1, setsAfter: [], removalsAfter: [clusterType] }],
  [listenerType, { rank: 2, setsAfter: [clusterType, endpointType], removalsAfter: [] }],
  ...[routeType, ...filterRouteTypes].map((typeUrl) => [typeUrl, routeOrder] as const),
]);
const noOrder: TypeOrder = { rank: 4, setsAfter: [], removalsAfter: [] };

/**
 * Make before break: what is referred to comes before what refers to it, and goes after it.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
 */
export function orderOf(typeUrl: string): TypeOrder {
  return orders.get(typeUrl) ?? noOrder;
}

/** Types whose state-of-the-world responses may leave out what has not changed, and cannot say what is gone. */
export function isPartial(typeUrl: string): boolean {
  return typeUrl === endpointType || typeUrl === routeType;
}

/**
 * The type of which a client needs the resource of the same name once more when it is sent another version of one that
 * it had: Envoy ends the warming of a changed cluster only with an EDS response, even if no endpoint has changed.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-warming
 */
export function resentWith(typeUrl: string): string | undefined {
  return typeUrl === clusterType ? endpointType : undefined;
}
