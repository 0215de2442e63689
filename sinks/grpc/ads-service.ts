import type { ServerDuplexStream, ServiceDefinition } from '@grpc/grpc-js';

/** A stream whose messages are bytes: they are encoded and decoded elsewhere, once. */
export type AdsCall = ServerDuplexStream<Buffer, Buffer>;

const asTheyAre = (bytes: Buffer): Buffer => bytes;

/** envoy.service.discovery.v3.AggregatedDiscoveryService, state of the world only. */
export const adsService = {
  streamAggregatedResources: {
    path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
    requestStream: true,
    responseStream: true,
    requestSerialize: asTheyAre,
    requestDeserialize: asTheyAre,
    responseSerialize: asTheyAre,
    responseDeserialize: asTheyAre,
  },
} as const satisfies ServiceDefinition;
