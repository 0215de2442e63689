import { Client, credentials, status as grpcStatus } from '@grpc/grpc-js';
import { DiscoveryRequest, DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { adsService } from '../../../sinks/grpc/ads-service.js';
import { poll } from '../../support/poll.js';

/** A request with what a test names, and nothing else. */
export function request(typeUrl: string, fields: Partial<DiscoveryRequest> = {}): Buffer {
  return Buffer.from(DiscoveryRequest.encode(DiscoveryRequest.fromPartial({ typeUrl, ...fields })).finish());
}

export function ack({ typeUrl, nonce, versionInfo }: DiscoveryResponse): Buffer {
  return request(typeUrl, { responseNonce: nonce, versionInfo });
}

export function nack({ typeUrl, nonce }: DiscoveryResponse, message: string): Buffer {
  return request(typeUrl, { responseNonce: nonce, errorDetail: { code: 3, message } });
}

/** One ADS stream of a gRPC client on a connection of its own. */
export class AdsPeer {
  readonly #client: Client;
  readonly stream;
  readonly responses: DiscoveryResponse[] = [];
  /** Status the stream ended with. */
  ended: { readonly code: string; readonly details: string } | undefined;

  constructor(address: string, options: { reading?: boolean } = {}) {
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
    });
    const { path, requestSerialize, responseDeserialize } = adsService.streamAggregatedResources;
    this.stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.stream.on('error', () => undefined); // the status says it
    this.stream.on('status', ({ code, details }) => {
      this.ended = { code: grpcStatus[code] ?? `${code}`, details };
    });
    if (options.reading ?? true) {
      this.stream.on('data', (bytes: Buffer) => this.responses.push(DiscoveryResponse.decode(bytes)));
    }
  }

  send(bytes: Buffer): void {
    this.stream.write(bytes);
  }

  /** Waits for response number `count` (from 1) of all that came. */
  async response(count: number): Promise<DiscoveryResponse> {
    return poll(() => this.responses[count - 1], { timeoutMs: 10_000, intervalMs: 5, what: `response ${count}` });
  }

  async end(): Promise<{ readonly code: string; readonly details: string }> {
    return poll(() => this.ended, { timeoutMs: 10_000, intervalMs: 5, what: 'the end of the stream' });
  }

  close(): void {
    this.stream.cancel();
    this.#client.close();
  }
}
