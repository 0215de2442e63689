import type { CatalogService } from '../../core/catalog/catalog.js';
import type { Port } from '../../core/plugin/index.js';
import type { XdsResource } from '../grpc/xds-resource.js';
import { type Discovery, encodeCluster } from './cluster.js';
import { encodeLoadAssignment } from './cluster-load-assignment.js';
import { connectionListener } from './connection-listener.js';
import { dubboListener } from './dubbo-listener.js';
import type { Defect } from './endpoint.js';
import type { PortEndpoints } from './endpoints.js';
import { expose } from './exposure.js';
import type { GatewayConfig, ListenerConfig } from './gateway-config.js';
import { httpListener } from './http-listener.js';
import type { Assembled, ListenerKind, Piece } from './listener-part.js';
import { clusterName } from './names.js';
import { resourceOf } from './resource.js';
import { thriftListener } from './thrift-listener.js';
import type { FileContents } from './tls-context.js';
import { types } from './types.js';

/** A listener and the pieces it is made of. */
interface ListenerState {
  readonly config: ListenerConfig;
  kind: ListenerKind;
  readonly pieces: Map<string, Piece>;
  /** Differs from what was assembled last. */
  changed: boolean;
}

interface EdsCluster {
  readonly protocol: Port['protocol'];
  readonly resource: XdsResource;
}

/** What a gateway needs of one service, beside its part in the listeners. */
export interface GatewayService {
  readonly resources: readonly XdsResource[];
  readonly defects: readonly Defect[];
}

/** One gateway: the clusters of the services it exposes, and its listeners, made anew when a service's part changes. */
export class Gateway {
  readonly config: GatewayConfig;
  readonly #listeners: readonly ListenerState[];
  /** Clusters of a host that get their endpoints by EDS, by port number. Kept, for most changes are of endpoints alone. */
  readonly #clusters = new Map<string, ReadonlyMap<number, EdsCluster>>();

  constructor(config: GatewayConfig, files: FileContents) {
    this.config = config;
    this.#listeners = config.listeners.map((listener) => ({
      config: listener,
      kind: kindOf(config.name, listener, files),
      pieces: new Map(),
      changed: true,
    }));
  }

  /** Takes what a service is now into the listeners. */
  set(service: CatalogService, endpointsOf: (port: Port) => PortEndpoints): GatewayService {
    const found = expose(service, this.config);
    if (found === undefined) {
      this.delete(service.host);
      return { resources: [], defects: [] };
    }
    const ports = new Set<number>();
    for (const listener of this.#listeners) {
      const piece = listener.kind.pieceOf(found.exposed);
      for (const port of piece?.ports ?? []) ports.add(port);
      put(listener, service.host, piece);
    }
    const used = service.ports.filter(({ number }) => ports.has(number));
    const clusters = new Map<number, EdsCluster>();
    const resources = used.flatMap((port) => this.#portResources(service.host, port, endpointsOf(port), clusters));
    this.#clusters.set(service.host, clusters);
    return { resources, defects: found.defects };
  }

  delete(host: string): void {
    this.#clusters.delete(host);
    for (const listener of this.#listeners) put(listener, host, undefined);
  }

  /** The files have other contents than before. */
  setFiles(files: FileContents): void {
    for (const listener of this.#listeners) {
      listener.kind = kindOf(this.config.name, listener.config, files);
      listener.changed = true;
    }
  }

  /** By the listener's name, those that differ from the last call. */
  *assemble(): Generator<[name: string, assembled: Assembled]> {
    for (const listener of this.#listeners) {
      if (!listener.changed) continue;
      listener.changed = false;
      const ordered = new Map([...listener.pieces].sort(([a], [b]) => (a < b ? -1 : 1)));
      yield [listener.config.name, listener.kind.assemble(ordered)];
    }
  }

  #portResources(
    host: string,
    port: Port,
    { groups, hasNames }: PortEndpoints,
    clusters: Map<number, EdsCluster>,
  ): XdsResource[] {
    const { name: gateway, locality, upstream } = this.config;
    const { number, protocol } = port;
    const name = clusterName(gateway, host, number);
    const assignment = encodeLoadAssignment(name, groups, locality);
    const clusterOf = (discovery: Discovery) =>
      resourceOf(types.cluster, name, encodeCluster({ name, protocol, discovery, upstream }), { gateway });
    if (hasNames) return [clusterOf({ kind: 'dns', mode: 'strict', assignment })];
    const known = this.#clusters.get(host)?.get(number);
    const resource = known?.protocol === protocol ? known.resource : clusterOf({ kind: 'eds' });
    clusters.set(number, { protocol, resource });
    return [resource, resourceOf(types.endpoints, name, assignment, 'none')];
  }
}

function put(listener: ListenerState, host: string, piece: Piece | undefined): void {
  const known = listener.pieces.get(host);
  if (known?.signature === piece?.signature) return;
  if (piece) listener.pieces.set(host, piece);
  else listener.pieces.delete(host);
  listener.changed = true;
}

function kindOf(gateway: string, config: ListenerConfig, files: FileContents): ListenerKind {
  switch (config.protocol) {
    case 'http':
      return erased(httpListener(gateway, config, files));
    case 'dubbo':
      return erased(dubboListener(gateway, config, files));
    case 'thrift':
      return erased(thriftListener(gateway, config, files));
    default:
      return erased(connectionListener(gateway, config, files));
  }
}

/** A listener is given the pieces that it made itself, and no others. */
function erased<Own extends Piece>(kind: ListenerKind<Own>): ListenerKind {
  return kind as unknown as ListenerKind;
}
