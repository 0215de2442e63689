import type { CatalogService } from '../../core/catalog/catalog.js';
import type { Port } from '../../core/plugin/index.js';
import { HttpConnectionManager } from '../../proto/gen/envoy_filters.js';
import { Listener, TrafficDirection } from '../../proto/gen/envoy_listener.js';
import { RouteConfiguration } from '../../proto/gen/envoy_route.js';
import { encodeMessage } from '../grpc/encode.js';
import type { XdsResource } from '../grpc/xds-resource.js';
import { encodeCluster } from './cluster.js';
import { encodeLoadAssignment } from './cluster-load-assignment.js';
import { adsSource } from './config-source.js';
import { durationOf } from './duration.js';
import type { Defect } from './endpoint.js';
import type { PortEndpoints } from './endpoints.js';
import { isExposed } from './exposure.js';
import type { HostFilter } from './gateway-config.js';
import { grpcProtocols } from './http-routes.js';
import { routerFilter } from './listener.js';
import { groupByLocality } from './locality-endpoints.js';
import { portName } from './names.js';
import { anyOf, resourceOf } from './resource.js';
import { extensionTypes, types } from './types.js';
import type { UpstreamConfig } from './upstream-config.js';

/** What such clients need of one service. */
export interface ProxylessService {
  readonly resources: readonly XdsResource[];
  readonly defects: readonly Defect[];
}

/** What is made of a port whatever its endpoints are. */
interface Constant {
  readonly protocol: Port['protocol'];
  readonly isMain: boolean;
  readonly cluster: XdsResource;
  readonly others: readonly XdsResource[];
}

/**
 * What a client asks for that dials `xds:///HOST:PORT`, or `xds:///HOST` for the service's lowest gRPC port, each by its
 * name alone. Such clients know no cluster of several names: one endpoint with a name is resolved by the client, and of
 * several those with names are left out.
 * Follows gRFC A27 (listeners, routes, clusters, endpoints) and A37 (LOGICAL_DNS).
 */
export class ProxylessClients {
  readonly #services: HostFilter;
  readonly #upstream: UpstreamConfig;
  /** Host → port number. Kept, for most changes are of endpoints alone. */
  readonly #constants = new Map<string, ReadonlyMap<number, Constant>>();

  constructor({ services, upstream }: { readonly services: HostFilter; readonly upstream: UpstreamConfig }) {
    this.#services = services;
    this.#upstream = upstream;
  }

  /** Takes what a service is now. */
  set({ host, ports }: CatalogService, endpointsOf: (port: Port) => PortEndpoints): ProxylessService {
    const known = this.#constants.get(host);
    const constants = new Map<number, Constant>();
    const resources: XdsResource[] = [];
    const defects: Defect[] = [];
    const own = ports.filter(({ protocol }) => grpcProtocols.includes(protocol)).sort((a, b) => a.number - b.number);
    if (isExposed(this.#services, host)) {
      for (const [index, port] of own.entries()) {
        const constant = this.#constant(known?.get(port.number), host, port, index === 0);
        constants.set(port.number, constant);
        const made = this.#port(portName(host, port.number), port, endpointsOf(port), constant);
        resources.push(...made.resources);
        defects.push(...made.defects);
      }
    }
    if (constants.size > 0) this.#constants.set(host, constants);
    else this.#constants.delete(host);
    return { resources, defects };
  }

  delete(host: string): void {
    this.#constants.delete(host);
  }

  #port(
    name: string,
    { protocol }: Port,
    { endpoints, groups, hasNames }: PortEndpoints,
    { cluster, others }: Constant,
  ): ProxylessService {
    const addresses = hasNames ? groupByLocality(endpoints.filter(({ isName }) => !isName)) : groups;
    const names = hasNames ? endpoints.filter(({ isName, serving }) => isName && serving) : [];
    if (addresses.length === 0 && names.length === 1) {
      const assignment = encodeLoadAssignment(name, groupByLocality(names), undefined);
      const discovery = { kind: 'dns', mode: 'logical', assignment } as const;
      const named = encodeCluster({ name, protocol, discovery, upstream: this.#upstream });
      return { resources: [resourceOf(types.cluster, name, named, 'none'), ...others], defects: [] };
    }
    const assignment = resourceOf(types.endpoints, name, encodeLoadAssignment(name, addresses, undefined), 'none');
    const reason = 'gRPC clients cannot be given a host name beside other endpoints';
    return {
      resources: [cluster, assignment, ...others],
      defects: names.map(({ key }) => ({ part: 'endpoint', of: key, reason })),
    };
  }

  #constant(known: Constant | undefined, host: string, { number, protocol }: Port, isMain: boolean): Constant {
    if (known?.protocol === protocol && known.isMain === isMain) return known;
    const name = portName(host, number);
    const cluster = encodeCluster({ name, protocol, discovery: { kind: 'eds' }, upstream: this.#upstream });
    const listeners = (isMain ? [host, name] : [name]).map((target) =>
      resourceOf(types.listener, target, listenerOf(target, name), 'none'),
    );
    return {
      protocol,
      isMain,
      cluster: resourceOf(types.cluster, name, cluster, 'none'),
      others: [resourceOf(types.routes, name, routesOf(name), 'none'), ...listeners],
    };
  }
}

function routesOf(name: string): Buffer {
  return encodeMessage(RouteConfiguration, {
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
  });
}

function listenerOf(target: string, routes: string): Buffer {
  const manager = HttpConnectionManager.fromPartial({
    rds: { configSource: adsSource, routeConfigName: routes },
    httpFilters: [routerFilter],
  });
  return encodeMessage(Listener, {
    name: target,
    statPrefix: '',
    filterChains: [],
    listenerFilters: [],
    trafficDirection: TrafficDirection.OUTBOUND,
    apiListener: { apiListener: anyOf(extensionTypes.httpConnectionManager, HttpConnectionManager, manager) },
  });
}
