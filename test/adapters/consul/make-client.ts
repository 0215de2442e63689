import { type ClientOptions, ConsulClient } from '../../../adapters/consul/client.js';

/** A client with no options but `overrides`. */
export function makeClient(server: string, overrides: Partial<ClientOptions> = {}): Promise<ConsulClient> {
  const options: ClientOptions = {
    ...{ server, datacenter: undefined, namespace: undefined, partition: undefined, nodeMeta: {} },
    ...{ token: undefined, tls: {}, consistency: 'default', maxStaleMs: 10_000 },
    ...{ connections: 2, requestTimeoutMs: 2000, maxResponseBytes: 2000 },
    ...overrides,
  };
  return ConsulClient.open(options, new AbortController().signal);
}
