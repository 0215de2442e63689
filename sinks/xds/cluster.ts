import type { Protocol } from '../../core/plugin/index.js';
import type { Any } from '../../proto/gen/any.js';
import {
  type CircuitBreakers,
  Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  type OutlierDetection,
  UpstreamHttpProtocolOptions,
} from '../../proto/gen/envoy_cluster.js';
import { encode, encodeMessage } from '../grpc/encode.js';
import { adsSource } from './config-source.js';
import { durationOf } from './duration.js';
import { anyOf } from './resource.js';
import { extensionTypes } from './types.js';
import type { CircuitBreakersConfig, OutlierDetectionConfig, UpstreamConfig } from './upstream-config.js';

/** Where the endpoints of a cluster come from. */
export type Discovery =
  /** From the ClusterLoadAssignment of the cluster's name. */
  | { readonly kind: 'eds' }
  /**
   * The encoded ClusterLoadAssignment is a part of the cluster, for its addresses are names. `strict`: every address of
   * every name is an endpoint. `logical`: one name, one address of it at a time, as proxyless gRPC takes it.
   */
  | { readonly kind: 'dns'; readonly mode: 'strict' | 'logical'; readonly assignment: Buffer };

export interface ClusterOptions {
  readonly name: string;
  readonly protocol: Protocol;
  readonly discovery: Discovery;
  readonly upstream: UpstreamConfig;
}

const nameTag = (1 << 3) | 2;
const loadAssignmentTag = (33 << 3) | 2;
/** As Envoy's guide for edge proxies has it: what one connection may take up in memory. */
const bufferLimitBytes = 32 * 1024;
const http2 = {
  initialStreamWindowSize: { value: 64 * 1024 },
  initialConnectionWindowSize: { value: 1024 * 1024 },
};
const http2Protocols: readonly Protocol[] = ['http2', 'grpc', 'tri'];
const http1Protocols: readonly Protocol[] = ['http', 'rest', 'grpc-web'];

/** Encodes the cluster of one port of a service. */
export function encodeCluster({ name, protocol, discovery, upstream }: ClusterOptions): Buffer {
  const alike = encodedAlike(protocol, discovery, upstream);
  return encode((writer) => {
    writer.uint32(nameTag).string(name).raw(alike);
    // A field may stand anywhere in a message: its bytes need no decoding to be put at the end.
    if (discovery.kind === 'dns') writer.uint32(loadAssignmentTag).bytes(discovery.assignment);
  });
}

/** By the configuration that they are of, then by what else decides them. */
const alikeBytes = new WeakMap<UpstreamConfig, Map<string, Buffer>>();

/** What the clusters of a protocol have alike, all but names and endpoints: encoded once. */
function encodedAlike(protocol: Protocol, discovery: Discovery, upstream: UpstreamConfig): Buffer {
  const key = discovery.kind === 'eds' ? protocol : `${protocol} ${discovery.mode}`;
  const known = alikeBytes.get(upstream) ?? new Map<string, Buffer>();
  alikeBytes.set(upstream, known);
  let bytes = known.get(key);
  if (bytes === undefined) {
    bytes = encodeMessage(Cluster, fieldsAlike(protocol, discovery, upstream));
    known.set(key, bytes);
  }
  return bytes;
}

function fieldsAlike(protocol: Protocol, discovery: Discovery, upstream: UpstreamConfig): Cluster {
  const { outlierDetection, circuitBreakers, connectTimeoutMs } = upstream;
  return {
    name: '',
    type: discoveryType(discovery),
    ...(discovery.kind === 'eds' && { edsClusterConfig: { edsConfig: adsSource, serviceName: '' } }),
    connectTimeout: durationOf(connectTimeoutMs),
    perConnectionBufferLimitBytes: { value: bufferLimitBytes },
    lbPolicy:
      upstream.loadBalancing === 'least-request' ? Cluster_LbPolicy.LEAST_REQUEST : Cluster_LbPolicy.ROUND_ROBIN,
    circuitBreakers: breakersOf(circuitBreakers),
    dnsLookupFamily: discovery.kind === 'dns' ? Cluster_DnsLookupFamily.V4_PREFERRED : Cluster_DnsLookupFamily.AUTO,
    respectDnsTtl: discovery.kind === 'dns',
    ...(outlierDetection && { outlierDetection: outliersOf(outlierDetection) }),
    // When less than half are well, Envoy would otherwise send to those that are unhealthy, too.
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    typedExtensionProtocolOptions: httpOptions(protocol, upstream),
  };
}

function discoveryType(discovery: Discovery): Cluster_DiscoveryType {
  if (discovery.kind === 'eds') return Cluster_DiscoveryType.EDS;
  return discovery.mode === 'strict' ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS;
}

function breakersOf(config: CircuitBreakersConfig): CircuitBreakers {
  return {
    thresholds: [
      {
        maxConnections: { value: config.maxConnections },
        maxPendingRequests: { value: config.maxPendingRequests },
        maxRequests: { value: config.maxRequests },
        retryBudget: {
          budgetPercent: { value: config.retryBudgetPercent },
          minRetryConcurrency: { value: 10 },
        },
      },
    ],
  };
}

/** By errors one after the other alone: rates of success mean little with a handful of requests. */
function outliersOf(config: OutlierDetectionConfig): OutlierDetection {
  return {
    interval: durationOf(config.intervalMs),
    baseEjectionTime: durationOf(config.baseEjectionMs),
    maxEjectionPercent: { value: config.maxEjectionPercent },
    enforcingConsecutive5xx: { value: 0 },
    enforcingSuccessRate: { value: 0 },
    consecutiveGatewayFailure: { value: config.consecutiveErrors },
    enforcingConsecutiveGatewayFailure: { value: 100 },
  };
}

function httpOptions(protocol: Protocol, { idleTimeoutMs }: UpstreamConfig): { [key: string]: Any } {
  const isHttp2 = http2Protocols.includes(protocol);
  if (!isHttp2 && !http1Protocols.includes(protocol)) return {};
  const options = anyOf(extensionTypes.upstreamHttp, UpstreamHttpProtocolOptions, {
    commonHttpProtocolOptions: { idleTimeout: durationOf(idleTimeoutMs) },
    explicitHttpConfig: isHttp2 ? { http2ProtocolOptions: http2 } : { httpProtocolOptions: {} },
  });
  return { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options };
}
