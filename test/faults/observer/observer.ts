import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { DiscoveryRequest, DiscoveryResponse } from '../../../proto/gen/discovery.js';
import { Resource } from '../../../proto/gen/mcp.js';
import { ServiceEntry } from '../../../proto/gen/service_entry.js';
import { adsService } from '../../../sinks/grpc/ads-service.js';
import type { Endpoints } from '../ledger/entry.js';
import { StreamOrder } from './stream-order.js';

const typeUrl = 'networking.istio.io/v1/ServiceEntry';
const reconnectMs = 300;

export interface ObserverEvents {
  /** A response has come; `published` is what stands since. */
  onResponse(published: Endpoints, atMs: number): void;
  /** A response is not as I4 has it. */
  onDisorder(what: string, atMs: number): void;
}

/**
 * Reads the daemon as istiod does: one stream, all service entries in each response. It keeps what it has when the stream
 * breaks and connects again, and acknowledges what it takes.
 */
export class Observer {
  readonly #client: Client;
  readonly #events: ObserverEvents;
  readonly #order = new StreamOrder();
  /** Decoded resources by name, as long as their version is the same. */
  readonly #decoded = new Map<
    string,
    { readonly version: string; readonly host: string; readonly targets: ReadonlyMap<string, number> }
  >();
  #published: Endpoints = new Map();
  #stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #responses = 0;

  /** @param address `host:port` */
  constructor(address: string, events: ObserverEvents) {
    this.#events = events;
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': reconnectMs,
      'grpc.max_reconnect_backoff_ms': 1000,
    });
    this.#connect();
  }

  /** What was published last. */
  get published(): Endpoints {
    return this.#published;
  }

  get responses(): number {
    return this.#responses;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#stream?.cancel();
    this.#client.close();
  }

  #connect(): void {
    const raw = (bytes: Buffer) => bytes;
    const stream = this.#client.makeBidiStreamRequest(adsService.streamAggregatedResources.path, raw, raw);
    this.#stream = stream;
    this.#order.begin();
    stream.on('error', () => undefined); // 'status' follows
    stream.on('status', () => {
      if (this.#closed || this.#stream !== stream) return;
      this.#retry = setTimeout(() => this.#connect(), reconnectMs);
    });
    stream.on('data', (bytes: Buffer) => this.#receive(stream, DiscoveryResponse.decode(bytes)));
    const node = { id: 'faults', cluster: '', userAgentName: 'faults' };
    this.#send(stream, { node, responseNonce: 'junk' });
  }

  #receive(stream: ClientDuplexStream<Buffer, Buffer>, response: DiscoveryResponse): void {
    const atMs = performance.now();
    this.#responses++;
    const disorder = this.#order.check(response);
    if (disorder !== undefined) this.#events.onDisorder(disorder, atMs);
    this.#published = this.#decode(response);
    this.#events.onResponse(this.#published, atMs);
    this.#send(stream, { versionInfo: response.versionInfo, responseNonce: response.nonce });
  }

  #decode({ resources }: DiscoveryResponse): Endpoints {
    const hosts = new Map<string, ReadonlyMap<string, number>>();
    const names = new Set<string>();
    for (const { value } of resources) {
      const { metadata, body } = Resource.decode(value);
      const { name = '', version = '' } = metadata ?? {};
      names.add(name);
      let known = this.#decoded.get(name);
      if (known?.version !== version) {
        const { hosts: entryHosts, endpoints } = ServiceEntry.decode(body?.value ?? Buffer.alloc(0));
        const targets = endpoints.map(
          ({ address, ports, weight }) => [`${address}:${Object.values(ports)[0]}`, weight] as const,
        );
        known = { version, host: entryHosts[0] ?? '', targets: new Map(targets) };
        this.#decoded.set(name, known);
      }
      hosts.set(known.host, known.targets);
    }
    for (const name of this.#decoded.keys()) if (!names.has(name)) this.#decoded.delete(name);
    return hosts;
  }

  #send(stream: ClientDuplexStream<Buffer, Buffer>, fields: Partial<DiscoveryRequest>): void {
    stream.write(Buffer.from(DiscoveryRequest.encode(DiscoveryRequest.fromPartial({ typeUrl, ...fields })).finish()));
  }
}
