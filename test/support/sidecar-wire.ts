import { fileURLToPath } from 'node:url';
import { type ClientDuplexStream, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export const CLUSTER_TYPE = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const ENDPOINT_TYPE = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';

export interface DiscoveryRequest {
  readonly type_url: string;
  readonly node?: { readonly id: string; readonly cluster: string; readonly metadata: unknown };
  readonly version_info?: string;
  readonly response_nonce?: string;
  readonly resource_names?: readonly string[];
}

export interface DiscoveryResponse {
  readonly type_url: string;
  readonly version_info: string;
  readonly nonce: string;
  readonly resources: readonly { readonly type_url: string; readonly value: Buffer }[];
}

export interface Cluster {
  readonly name: string;
  /** Only in clusters that name their endpoints themselves, such as those resolved by DNS. */
  readonly load_assignment: ClusterLoadAssignment | null;
}

export interface ClusterLoadAssignment {
  readonly cluster_name: string;
  readonly endpoints: readonly LocalityLbEndpoints[];
}

export interface LocalityLbEndpoints {
  readonly locality: { readonly region: string; readonly zone: string; readonly sub_zone: string } | null;
  readonly lb_endpoints: readonly LbEndpoint[];
  readonly load_balancing_weight: { readonly value: number } | null;
  readonly priority: number;
}

export interface LbEndpoint {
  readonly endpoint: {
    readonly address: { readonly socket_address: { readonly address: string; readonly port_value: number } | null };
  };
  readonly health_status: string;
  readonly load_balancing_weight: { readonly value: number } | null;
}

export type AdsStream = ClientDuplexStream<DiscoveryRequest, DiscoveryResponse>;

/** The ADS client class and the decoders, from sidecar.proto. */
export function loadSidecarWire() {
  const file = fileURLToPath(new URL('sidecar.proto', import.meta.url));
  const definition = loadSync(file, { keepCase: true, longs: Number, enums: String, defaults: true });
  const decoders = definition['envoy.service.discovery.v3.Resources'] as unknown as Record<
    'Cluster' | 'ClusterLoadAssignment',
    { responseDeserialize(bytes: Buffer): unknown }
  >;
  const packages = loadPackageDefinition(definition) as unknown as {
    envoy: { service: { discovery: { v3: { AggregatedDiscoveryService: ServiceClientConstructor } } } };
  };
  return {
    Client: packages.envoy.service.discovery.v3.AggregatedDiscoveryService,
    decodeCluster: (bytes: Buffer) => decoders.Cluster.responseDeserialize(bytes) as Cluster,
    decodeEndpoints: (bytes: Buffer) =>
      decoders.ClusterLoadAssignment.responseDeserialize(bytes) as ClusterLoadAssignment,
  };
}
