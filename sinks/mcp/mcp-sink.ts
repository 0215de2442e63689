import type { Catalog, Change } from '../../core/catalog/catalog.js';
import { type Deps, formatHostPort } from '../../core/plugin/index.js';
import type { Sink, SinkClient, SinkExplanation, SinkStatus } from '../../core/sink/sink.js';
import { deferred } from '../../core/time/deferred.js';
import { type AdsClientStatus, AdsServer } from '../grpc/ads-server.js';
import { adsSessions } from '../grpc/ads-sessions.js';
import { type DefectiveService, type InvalidService, ResourceSet } from '../istio/resource-set.js';
import type { McpConfig } from './config.js';
import { McpContent } from './content.js';
import { McpMetrics } from './metrics.js';
import { McpObserver } from './observer.js';
import { serviceEntryTypes } from './types.js';

/** What the sink does now. Lists hold the first hundred; the numbers beside them count all. */
export interface McpStatus extends SinkStatus {
  readonly clients: readonly AdsClientStatus[];
  readonly resources: number;
  /** Of all resources. */
  readonly bytes: number;
  readonly invalidCount: number;
  readonly invalid: readonly InvalidService[];
  readonly defective: readonly DefectiveService[];
}

const listed = 100;
const keepaliveTimeoutMs = 20_000;

/** Serves the catalog to istiod over MCP-over-xDS. One run in its life. */
export class McpSink implements Sink {
  readonly #config: McpConfig;
  readonly #deps: Deps;
  readonly #metrics: McpMetrics;
  readonly #resources: ResourceSet;
  readonly #content: McpContent;
  readonly #server: AdsServer;
  readonly #listening = deferred<string>();
  #address: string | undefined;

  constructor(config: McpConfig, deps: Deps) {
    this.#config = config;
    this.#deps = deps;
    this.#metrics = new McpMetrics(deps.metrics);
    const observer = new McpObserver(deps.name, deps.logger, this.#metrics);
    this.#resources = new ResourceSet(config, observer);
    this.#content = new McpContent(this.#resources);
    const { clock } = deps;
    this.#server = new AdsServer({
      ...adsSessions({ contentOf: () => this.#content, observer, clock, ackTimeoutMs: config.ackTimeoutMs }),
      observer,
      clock,
      maxClients: config.maxClients,
      keepaliveMs: config.keepaliveMs,
      keepaliveTimeoutMs,
    });
    // Whoever does not ask must not be told by an unhandled rejection: `run` rejects with the same error.
    this.#listening.promise.catch(() => undefined);
  }

  /** HOST:PORT once the sink listens; rejects when it cannot. */
  get listening(): Promise<string> {
    return this.#listening.promise;
  }

  /** Rejects when the address cannot be listened on, with the address in the message. */
  async run(catalog: Catalog, signal: AbortSignal): Promise<void> {
    await this.#listen();
    try {
      for await (const change of catalog.watch(signal)) this.#take(change);
    } finally {
      this.#address = undefined;
      await this.#server.close();
    }
  }

  status(): McpStatus {
    return {
      ...(this.#address === undefined ? {} : { listening: this.#address }),
      // Not before the catalog is: a peer that comes earlier waits for its ServiceEntries.
      ready: this.#address !== undefined && this.#content.isFilled,
      clients: this.#server.clients(),
      resources: this.#resources.size,
      bytes: this.#resources.byteLength,
      invalidCount: this.#resources.invalidCount,
      invalid: first(this.#resources.invalid(), listed),
      defective: first(this.#resources.defective(), listed),
    };
  }

  explain(host: string): SinkExplanation | undefined {
    const explained = this.#resources.explain(host);
    if (!explained) return undefined;
    const { resources, revision, refused, defects } = explained;
    return {
      resources,
      refused,
      leftOut: defects.map(({ part, instance, reason }) => `${part} of ${instance}: ${reason}`),
      clients: this.#server.clients().flatMap((client) => clientsOf(client, revision)),
    };
  }

  async #listen(): Promise<void> {
    try {
      const address = formatHostPort(await this.#server.listen(this.#config.listen));
      this.#address = address;
      this.#deps.logger.info({ listen: address }, 'serving MCP');
      this.#listening.resolve(address);
    } catch (error) {
      this.#listening.reject(error);
      throw error;
    }
  }

  #take(change: Change): void {
    const sink = this.#deps.name;
    const startMs = performance.now();
    if (this.#content.apply(change)) this.#server.changed();
    this.#metrics.pushSeconds.observe({ sink }, (performance.now() - startMs) / 1000);
    this.#metrics.resources.set({ sink }, this.#resources.size);
    this.#metrics.resourceBytes.set({ sink }, this.#resources.byteLength);
    this.#metrics.invalid.set({ sink }, this.#resources.invalidCount);
  }
}

/** What a client has of a host whose bytes changed last with `revision`, for each type that it asks ServiceEntries by. */
function clientsOf({ peer, node, types }: AdsClientStatus, revision: number): readonly SinkClient[] {
  return types
    .filter(({ typeUrl }) => serviceEntryTypes.includes(typeUrl))
    .map(({ state, nonce = '', error }) => {
      const has = Number(nonce.slice(nonce.lastIndexOf('@') + 1)) >= revision;
      if (state === 'waiting') return { peer, node, state };
      if (state === 'nacked') return { peer, node, state, ...(error === undefined ? {} : { error }) };
      return { peer, node, state: has ? state : 'behind' };
    });
}

function first<T>(items: Iterable<T>, count: number): T[] {
  const list: T[] = [];
  for (const item of items) {
    if (list.length >= count) break;
    list.push(item);
  }
  return list;
}
