import { Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition, status } from '@grpc/grpc-js';
import { DiscoveryRequest, DiscoveryResponse } from '../../proto/gen/discovery.js';
import { Resource } from '../../proto/gen/mcp.js';
import { ServiceEntry } from '../../proto/gen/service_entry.js';

type Stream = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>;

const SERVICE_ENTRY = /^networking\.istio\.io\/[^/]+\/ServiceEntry$/;

const service: ServiceDefinition = {
  streamAggregatedResources: {
    path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
    requestStream: true,
    responseStream: true,
    requestSerialize: (message: DiscoveryRequest) => Buffer.from(DiscoveryRequest.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => DiscoveryRequest.decode(bytes),
    responseSerialize: (message: DiscoveryResponse) => Buffer.from(DiscoveryResponse.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => DiscoveryResponse.decode(bytes),
  },
};

/**
 * The simplest config source that istiod takes: it answers every type at once, all but service entries with nothing.
 * It stands beside the product's own sink, so that the test servers can be tested without it.
 */
export class ConfigSource {
  readonly #server = new Server();
  readonly #streams = new Map<Stream, Set<string>>();
  #entries: ReadonlyMap<string, ServiceEntry> = new Map();
  #revision = 0;

  /** Listens on a loopback port. */
  async listen(port: number): Promise<void> {
    this.#server.addService(service, { streamAggregatedResources: (stream: Stream) => this.#serve(stream) });
    await new Promise<void>((resolve, reject) => {
      const done = (error: Error | null) => (error ? reject(error) : resolve());
      this.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), done);
    });
  }

  /** Replaces what is published: service entries by `namespace/name`. */
  publish(entries: Readonly<Record<string, Partial<ServiceEntry>>>): void {
    this.#entries = new Map(Object.entries(entries).map(([name, entry]) => [name, ServiceEntry.fromPartial(entry)]));
    this.#revision += 1;
    for (const [stream, types] of this.#streams) {
      for (const type of types) if (SERVICE_ENTRY.test(type)) this.#send(stream, type);
    }
  }

  close(): void {
    for (const stream of this.#streams.keys()) stream.emit('error', { code: status.UNAVAILABLE, details: 'closing' });
    this.#server.forceShutdown();
  }

  #serve(stream: Stream): void {
    const types = new Set<string>();
    this.#streams.set(stream, types);
    stream.on('data', ({ typeUrl }: DiscoveryRequest) => {
      if (types.has(typeUrl)) return;
      types.add(typeUrl);
      this.#send(stream, typeUrl);
    });
    stream.on('end', () => stream.end());
    for (const event of ['end', 'cancelled', 'error']) stream.on(event, () => this.#streams.delete(stream));
  }

  #send(stream: Stream, typeUrl: string): void {
    const resources = SERVICE_ENTRY.test(typeUrl)
      ? [...this.#entries].map(([name, entry]) => this.#pack(name, entry))
      : [];
    stream.write({ versionInfo: `${this.#revision}`, nonce: `${this.#revision}-${typeUrl}`, typeUrl, resources });
  }

  #pack(name: string, entry: ServiceEntry) {
    const resource = Resource.fromPartial({
      metadata: { name, version: `${this.#revision}`, createTime: { seconds: 1_700_000_000, nanos: 0 } },
      body: {
        typeUrl: 'type.googleapis.com/istio.networking.v1alpha3.ServiceEntry',
        value: Buffer.from(ServiceEntry.encode(entry).finish()),
      },
    });
    return {
      typeUrl: 'type.googleapis.com/istio.mcp.v1alpha1.Resource',
      value: Buffer.from(Resource.encode(resource).finish()),
    };
  }
}
