import * as grpc from '@grpc/grpc-js';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../proto/gen/discovery.js';

const method = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const endpoints = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';

/** Reads the endpoints of some clusters of a gateway, as an Envoy does. */
export class DeltaReader {
  readonly #client: grpc.Client;
  readonly #call: grpc.ClientDuplexStream<Buffer, Buffer>;
  readonly #failed: Promise<never>;
  readonly #known = new Set<string>();
  #onResponse: (bytes: Buffer) => void = () => undefined;

  constructor(address: string, gateway: string, names: readonly string[]) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
    const raw = (bytes: Buffer) => bytes;
    this.#call = this.#client.makeBidiStreamRequest(method, raw, raw);
    this.#failed = new Promise((_, reject) => this.#call.on('error', reject));
    this.#failed.catch(() => undefined);
    this.#call.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#request({
      node: { id: 'bench', cluster: gateway, userAgentName: 'bench' },
      resourceNamesSubscribe: [...names],
    });
  }

  /** Resolves when so many assignments have come. */
  async has(count: number): Promise<void> {
    while (this.#known.size < count) await this.#next(() => true);
  }

  /** Resolves when a response holds this address: `process.hrtime.bigint()` of that moment. */
  async told(address: string): Promise<bigint> {
    return this.#next((bytes) => bytes.includes(address));
  }

  /** Resolves when a response holds this assignment and not this address. */
  async toldWithout(name: string, address: string): Promise<bigint> {
    return this.#next((bytes) => bytes.includes(name) && !bytes.includes(address));
  }

  close(): void {
    this.#call.on('error', () => undefined);
    this.#call.cancel();
    this.#client.close();
  }

  #next(accept: (bytes: Buffer) => boolean): Promise<bigint> {
    const answer = new Promise<bigint>((resolve) => {
      this.#onResponse = (bytes) => {
        if (accept(bytes)) resolve(process.hrtime.bigint());
      };
    });
    return Promise.race([answer, this.#failed]);
  }

  #take(bytes: Buffer): void {
    // First, so that decoding is not measured.
    this.#onResponse(bytes);
    const { nonce, resources } = DeltaDiscoveryResponse.decode(bytes);
    const before = this.#known.size;
    for (const { name } of resources) this.#known.add(name);
    this.#request({ responseNonce: nonce });
    if (this.#known.size !== before) this.#onResponse(bytes);
  }

  #request(fields: Partial<DeltaDiscoveryRequest>): void {
    const request = DeltaDiscoveryRequest.fromPartial({ typeUrl: endpoints, ...fields });
    this.#call.write(Buffer.from(DeltaDiscoveryRequest.encode(request).finish()));
  }
}
