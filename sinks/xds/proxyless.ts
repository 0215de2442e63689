import type { Port } from '../../core/plugin/index.js';
import { HttpConnectionManager } from '../../proto/gen/envoy_filters.js';
import { Listener, TrafficDirection } from '../../proto/gen/envoy_listener.js';
import { RouteConfiguration } from '../../proto/gen/envoy_route.js';
import type { XdsResource } from '../grpc/xds-resource.js';
import { encodeCluster } from './cluster.js';
import { encodeLoadAssignment } from './cluster-load-assignment.js';
import { adsSource } from './config-source.js';
import { durationOf } from './duration.js';
import type { Defect } from './endpoint.js';
import type { PortEndpoints } from './endpoints.js';
import { routerFilter } from './listener.js';
import { portName } from './names.js';
import { anyOf, asBuffer, resourceOf } from './resource.js';
import { extensionTypes, types } from './types.js';
import type { UpstreamConfig } from './upstream-config.js';

/** A gRPC port of a service, for clients that read xDS themselves. */
export interface ProxylessPort {
  readonly host: string;
  readonly port: Port;
  /** Whether `xds:///HOST` with no port is this one. */
  readonly isMain: boolean;
  readonly endpoints: PortEndpoints;
  readonly upstream: UpstreamConfig;
}

/**
 * What a client asks for that dials `xds:///HOST:PORT`, each by its name alone. Such clients know no cluster of several
 * names: one endpoint with a name is resolved by the client, and of several those with names are left out.
 * Follows gRFC A27 (listeners, routes, clusters, endpoints) and A37 (LOGICAL_DNS).
 */
export function proxylessResources({ host, port, isMain, endpoints, upstream }: ProxylessPort): {
  readonly resources: readonly XdsResource[];
  readonly defects: readonly Defect[];
} {
  const name = portName(host, port.number);
  const addresses = endpoints.endpoints.filter(({ isName }) => !isName);
  const names = endpoints.endpoints.filter(({ isName, serving }) => isName && serving);
  const [only] = names;
  const isDns = addresses.length === 0 && names.length === 1 && only !== undefined;
  const assignment = encodeLoadAssignment(name, isDns ? [only] : addresses, undefined);
  const cluster = encodeCluster({
    name,
    protocol: port.protocol,
    discovery: isDns ? { kind: 'dns', mode: 'logical', assignment } : { kind: 'eds' },
    upstream,
  });
  const routes = routesOf(name);
  const listeners = (isMain ? [host, name] : [name]).map((target) =>
    resourceOf(types.listener, target, listenerOf(target, name), 'none'),
  );
  return {
    resources: [
      resourceOf(types.cluster, name, cluster, 'none'),
      ...(isDns ? [] : [resourceOf(types.endpoints, name, assignment, 'none')]),
      resourceOf(types.routes, name, routes, 'none'),
      ...listeners,
    ],
    defects: isDns
      ? []
      : names.map(({ key }) => ({
          part: 'endpoint',
          of: key,
          reason: 'gRPC clients cannot be given a host name beside other endpoints',
        })),
  };
}

function routesOf(name: string): Buffer {
  return asBuffer(
    RouteConfiguration.encode({
      name,
      virtualHosts: [
        {
          name,
          domains: ['*'],
          routes: [
            {
              name: '',
              match: { prefix: '/', pathSeparatedPrefix: '' },
              route: { cluster: name, prefixRewrite: '', timeout: durationOf(0) },
            },
          ],
        },
      ],
      ignorePortInHostMatching: false,
    }).finish(),
  );
}

function listenerOf(target: string, routes: string): Buffer {
  const manager = HttpConnectionManager.fromPartial({
    rds: { configSource: adsSource, routeConfigName: routes },
    httpFilters: [routerFilter],
  });
  return asBuffer(
    Listener.encode({
      name: target,
      statPrefix: '',
      filterChains: [],
      listenerFilters: [],
      trafficDirection: TrafficDirection.OUTBOUND,
      apiListener: { apiListener: anyOf(extensionTypes.httpConnectionManager, HttpConnectionManager, manager) },
    }).finish(),
  );
}
