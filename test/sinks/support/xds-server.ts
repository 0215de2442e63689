import { type ChannelCredentials, Client, type ClientOptions, credentials, status as grpcStatus } from '@grpc/grpc-js';
import type { Clock } from '../../../core/time/index.js';
import { systemClock } from '../../../core/time/index.js';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../../proto/gen/discovery.js';
import { AdsServer, type AdsServerOptions } from '../../../sinks/grpc/ads-server.js';
import { adsService } from '../../../sinks/grpc/ads-service.js';
import { ResourceCache } from '../../../sinks/grpc/resource-cache.js';
import { xdsSessions } from '../../../sinks/grpc/xds-sessions.js';
import { poll } from '../../support/poll.js';

/** A server of a cache, on a port of its own, and what it refused. */
export async function startXdsServer(
  options: Pick<AdsServerOptions, 'tls' | 'limits'> & { readonly maxClients?: number; readonly clock?: Clock } = {},
) {
  const cache = new ResourceCache();
  /** `LIMIT: details` */
  const refused: string[] = [];
  const errors: string[] = [];
  const nothing = () => undefined;
  const observer = {
    onRequest: nothing,
    onSent: nothing,
    onAck: nothing,
    onNack: nothing,
    onEnded: nothing,
    onOverLimit: (limit: string) => refused.push(`${limit}: `),
    onOpened: nothing,
    onClosed: nothing,
    onRefused: (_: string, limit: string, details: string) => refused.push(`${limit}: ${details}`),
    onAcceptError: ({ message }: Error) => errors.push(message),
  };
  const clock = options.clock ?? systemClock;
  const server = new AdsServer({
    ...xdsSessions({ cache, observer, clock, ackTimeoutMs: 60_000, maxSubscriptions: 10 }),
    observer,
    clock,
    maxClients: 50,
    keepaliveMs: 30_000,
    keepaliveTimeoutMs: 20_000,
    ...options,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return { cache, server, refused, errors, port, address: `127.0.0.1:${port}` };
}

/** A delta stream of a real gRPC client, on a connection of its own or of another stream. */
export class XdsPeer {
  readonly client: Client;
  readonly stream;
  readonly responses: DeltaDiscoveryResponse[] = [];
  ended: { readonly code: string; readonly details: string } | undefined;

  constructor(
    target: string | XdsPeer,
    channel: ChannelCredentials = credentials.createInsecure(),
    options: ClientOptions = {},
  ) {
    this.client =
      typeof target === 'string'
        ? new Client(target, channel, {
            'grpc.use_local_subchannel_pool': 1,
            'grpc.max_send_message_length': -1,
            'grpc.enable_retries': 0,
            'grpc.ssl_target_name_override': 'isthmus.test',
            ...options,
          })
        : target.client;
    const { path, requestSerialize, responseDeserialize } = adsService.deltaAggregatedResources;
    this.stream = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.stream.on('error', () => undefined); // the status says it
    this.stream.on('data', (bytes: Buffer) => this.responses.push(DeltaDiscoveryResponse.decode(bytes)));
    this.stream.on('status', ({ code, details }) => {
      this.ended = { code: grpcStatus[code] ?? `${code}`, details };
    });
  }

  send(typeUrl: string, fields: Partial<DeltaDiscoveryRequest> = {}): void {
    this.stream.write(
      Buffer.from(DeltaDiscoveryRequest.encode(DeltaDiscoveryRequest.fromPartial({ typeUrl, ...fields })).finish()),
    );
  }

  /** Waits for response number `count`, from 1. */
  response(count: number): Promise<DeltaDiscoveryResponse> {
    return poll(() => this.responses[count - 1], {
      timeoutMs: 10_000,
      intervalMs: 5,
      what: `response ${count}; the stream ${this.ended ? `ended with ${this.ended.code} ${this.ended.details}` : 'is open'}`,
    });
  }

  end(): Promise<{ readonly code: string; readonly details: string }> {
    return poll(() => this.ended, { timeoutMs: 10_000, intervalMs: 5, what: 'the end of the stream' });
  }

  close(): void {
    this.stream.cancel();
    this.client.close();
  }
}
