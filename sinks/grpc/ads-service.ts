import type { ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';

/** A stream whose messages are bytes: they are encoded and decoded elsewhere, once. */
export type AdsCall = ServerDuplexStream<Buffer, Buffer>;

const asTheyAre = (bytes: Buffer): Buffer => bytes;

const bidirectional = {
  requestStream: true,
  responseStream: true,
  requestSerialize: asTheyAre,
  requestDeserialize: asTheyAre,
  responseSerialize: asTheyAre,
  responseDeserialize: asTheyAre,
} as const;

const service = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

/** envoy.service.discovery.v3.AggregatedDiscoveryService. */
export const adsService = {
  streamAggregatedResources: { path: `${service}/StreamAggregatedResources`, ...bidirectional },
  deltaAggregatedResources: { path: `${service}/DeltaAggregatedResources`, ...bidirectional },
} as const satisfies ServiceDefinition;
