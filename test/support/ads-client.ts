import { type Client, credentials } from '@grpc/grpc-js';
import { poll } from './poll.js';
import {
  type AdsStream,
  CLUSTER_TYPE,
  type ClusterLoadAssignment,
  type DiscoveryRequest,
  type DiscoveryResponse,
  ENDPOINT_TYPE,
  loadSidecarWire,
} from './sidecar-wire.js';

/** One endpoint as a sidecar is told of it. */
export interface SidecarEndpoint {
  readonly address: string;
  readonly port: number;
  /** `address:port` */
  readonly target: string;
  /** HEALTHY, UNHEALTHY, DRAINING …; UNKNOWN is what a sidecar takes for healthy. */
  readonly health: string;
  /** Undefined when none was sent, which means 1. */
  readonly weight: number | undefined;
  /** `region/zone/subzone`, as much of it as there is. */
  readonly locality: string;
  readonly priority: number;
}

export interface WaitOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const RECONNECT_MS = 200;
const POLL_MS = 5;

/**
 * Sees of istiod what a sidecar sees: all clusters, and the endpoints of those that were asked for. It keeps what it
 * has when the stream breaks and connects again, as Envoy does.
 */
export class AdsClient {
  readonly #wire = loadSidecarWire();
  readonly #client: Client;
  readonly #namespace: string;
  /** Of the workload, for Sidecar resources that select it. */
  readonly #labels: Readonly<Record<string, string>>;
  readonly #subscribed = new Set<string>();
  readonly #endpoints = new Map<string, readonly SidecarEndpoint[]>();
  /** Last accepted version and nonce of the running stream, by type. */
  readonly #acked = new Map<string, { version: string; nonce: string }>();
  readonly #listeners = new Set<() => void>();
  #clusters: ReadonlySet<string> = new Set();
  #stream: AdsStream | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #lastError: Error | undefined;
  /** How many responses have come, by type URL. */
  readonly pushes = new Map<string, number>();

  /** @param address `host:port` of a plaintext ADS. */
  constructor(
    address: string,
    options: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> } = {},
  ) {
    this.#namespace = options.namespace ?? 'default';
    this.#labels = options.labels ?? {};
    this.#client = new this.#wire.Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MS,
      'grpc.max_reconnect_backoff_ms': 1000,
    });
    this.#connect();
  }

  /** Names of all clusters, such as `outbound|8080||orders.legacy`. */
  get clusters(): ReadonlySet<string> {
    return this.#clusters;
  }

  /** What was last told of a cluster's endpoints; undefined when nothing was yet. Asks for them from now on. */
  endpoints(cluster: string): readonly SidecarEndpoint[] | undefined {
    this.#subscribe(cluster);
    return this.#endpoints.get(cluster);
  }

  /** Waits until a cluster is there or, `present: false`, is not. */
  async waitForCluster(name: string, options: WaitOptions & { readonly present?: boolean } = {}): Promise<void> {
    const { present = true, ...wait } = options;
    const seen = await this.#waitFor(() => this.#clusters.has(name) === present, wait);
    if (!seen) throw this.#timeout(`cluster ${name} to be ${present ? 'there' : 'gone'}`, [...this.#clusters]);
  }

  /** Waits until the endpoints of a cluster are as wished and gives them. */
  async waitForEndpoints(
    cluster: string,
    predicate: (endpoints: readonly SidecarEndpoint[]) => boolean,
    options: WaitOptions = {},
  ): Promise<readonly SidecarEndpoint[]> {
    this.#subscribe(cluster);
    const seen = await this.#waitFor(() => {
      const endpoints = this.#endpoints.get(cluster);
      return endpoints !== undefined && predicate(endpoints) && endpoints;
    }, options);
    if (!seen) throw this.#timeout(`the endpoints of ${cluster}`, this.#endpoints.get(cluster) ?? 'none told');
    return seen;
  }

  /** Calls `listener` after each response was taken, so that no state in between is missed. Returns how to end it. */
  onUpdate(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#stream?.cancel();
    this.#client.close();
  }

  async #waitFor<T>(probe: () => T | false, options: WaitOptions): Promise<T | undefined> {
    try {
      return await poll(probe, { intervalMs: POLL_MS, ...options });
    } catch {
      options.signal?.throwIfAborted();
      return undefined;
    }
  }

  #timeout(what: string, last: unknown): Error {
    const error = this.#lastError ? `; last error ${this.#lastError.message}` : '';
    return new Error(`timed out waiting for ${what}; last seen ${JSON.stringify(last)}${error}`);
  }

  #subscribe(cluster: string): void {
    if (this.#subscribed.has(cluster)) return;
    this.#subscribed.add(cluster);
    this.#request(ENDPOINT_TYPE);
  }

  #connect(): void {
    const stream = this.#client.makeBidiStreamRequest(
      '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
      this.#method.requestSerialize,
      this.#method.responseDeserialize,
    );
    this.#acked.clear();
    this.#stream = stream;
    stream.on('data', (response: DiscoveryResponse) => this.#receive(response));
    stream.on('error', (error: Error) => {
      this.#lastError = error;
      this.#reconnect(stream);
    });
    stream.on('end', () => this.#reconnect(stream));
    stream.write({ type_url: CLUSTER_TYPE, node: this.#node });
    if (this.#subscribed.size > 0) this.#request(ENDPOINT_TYPE);
  }

  get #method() {
    const { StreamAggregatedResources: method } = this.#wire.Client.service;
    if (!method) throw new Error('sidecar.proto has no StreamAggregatedResources');
    return method as unknown as {
      requestSerialize(request: DiscoveryRequest): Buffer;
      responseDeserialize(bytes: Buffer): DiscoveryResponse;
    };
  }

  get #node() {
    const text = (stringValue: string) => ({ stringValue });
    const labels = Object.fromEntries(Object.entries(this.#labels).map(([key, value]) => [key, text(value)]));
    return {
      id: `sidecar~10.99.0.1~app.${this.#namespace}~${this.#namespace}.svc.cluster.local`,
      cluster: 'app',
      metadata: {
        fields: {
          NAMESPACE: text(this.#namespace),
          ISTIO_VERSION: text('1.31.0'),
          LABELS: { structValue: { fields: labels } },
        },
      },
    };
  }

  #reconnect(stream: AdsStream): void {
    if (this.#closed || this.#stream !== stream) return;
    this.#stream = undefined;
    this.#retry = setTimeout(() => this.#connect(), RECONNECT_MS);
  }

  #receive(response: DiscoveryResponse): void {
    const { type_url: type, resources } = response;
    this.pushes.set(type, (this.pushes.get(type) ?? 0) + 1);
    this.#acked.set(type, { version: response.version_info, nonce: response.nonce });
    if (type === CLUSTER_TYPE) this.#takeClusters(resources.map(({ value }) => this.#wire.decodeCluster(value)));
    if (type === ENDPOINT_TYPE)
      for (const { value } of resources) this.#takeEndpoints(this.#wire.decodeEndpoints(value));
    this.#request(type);
    for (const listener of this.#listeners) listener();
  }

  #takeClusters(clusters: readonly { name: string; load_assignment: ClusterLoadAssignment | null }[]): void {
    this.#clusters = new Set(clusters.map(({ name }) => name));
    for (const name of this.#endpoints.keys()) if (!this.#clusters.has(name)) this.#endpoints.delete(name);
    for (const { name, load_assignment: own } of clusters) {
      if (own) this.#endpoints.set(name, endpointsOf(own));
    }
  }

  #takeEndpoints(assignment: ClusterLoadAssignment): void {
    this.#endpoints.set(assignment.cluster_name, endpointsOf(assignment));
  }

  /** Acknowledges the last response of a type, or, before there was one, subscribes. */
  #request(type: string): void {
    const acked = this.#acked.get(type);
    this.#stream?.write({
      type_url: type,
      ...(acked && { version_info: acked.version, response_nonce: acked.nonce }),
      ...(type === ENDPOINT_TYPE && { resource_names: [...this.#subscribed] }),
    });
  }
}

function endpointsOf(assignment: ClusterLoadAssignment): SidecarEndpoint[] {
  return assignment.endpoints.flatMap(({ locality, priority, lb_endpoints: members }) =>
    members.map(({ endpoint, health_status: health, load_balancing_weight: weight }) => {
      const { address = '', port_value: port = 0 } = endpoint.address.socket_address ?? {};
      return {
        address,
        port,
        target: `${address}:${port}`,
        health,
        weight: weight?.value,
        locality: [locality?.region, locality?.zone, locality?.sub_zone].filter(Boolean).join('/'),
        priority,
      };
    }),
  );
}
