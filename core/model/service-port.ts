import type { Protocol } from './protocol.js';

/**
 * The number that mesh clients dial for a port of this protocol, unless the configuration says otherwise. Fixed, and the
 * same for all registries: it must not depend on the instances present (docs/adr/0004), and a service that stands in two
 * registries is merged port by port.
 */
export const servicePortNumbers: Readonly<Record<Protocol, number>> = {
  http: 80,
  http2: 80,
  'grpc-web': 80,
  grpc: 80,
  rest: 80,
  https: 443,
  tls: 443,
  tcp: 9000,
  udp: 9000,
  dubbo: 20_880,
  tri: 50_051,
  thrift: 9091,
  redis: 6379,
  mongo: 27_017,
  mysql: 3306,
};

/** The number of a gRPC port beside a main port that takes 80. */
export const secondGrpcPortNumber = 9090;
