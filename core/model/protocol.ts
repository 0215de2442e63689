/**
 * Application protocols that the catalog tells apart. What a registry calls otherwise is mapped by its adapter;
 * what no adapter knows is `tcp`.
 */
export const protocols = [
  'http',
  'http2',
  'https',
  'grpc',
  'grpc-web',
  'tcp',
  'tls',
  'udp',
  'dubbo',
  'tri',
  'rest',
  'thrift',
  'redis',
  'mongo',
  'mysql',
] as const;

export type Protocol = (typeof protocols)[number];

export function isProtocol(value: string): value is Protocol {
  return (protocols as readonly string[]).includes(value);
}
