import type { XdsConfig } from './config.js';
import type { XdsResourcesOptions } from './resources.js';
import type { UpstreamConfig } from './upstream-config.js';

/** gRPC clients choose by round robin and count no errors of the kinds that Envoy does. */
const grpcOnly = { loadBalancing: 'round-robin', outlierDetection: false, idleTimeoutMs: 1 } as const;

export function resourcesOptions({ gateways, grpc }: XdsConfig): XdsResourcesOptions {
  if (grpc === false) return { gateways, grpc: undefined };
  const upstream: UpstreamConfig = { ...grpc.upstream, ...grpcOnly };
  return { gateways, grpc: { services: grpc.services, upstream } };
}
