import type { Catalog, Change } from '../../core/catalog/catalog.js';
import { type Deps, formatHostPort } from '../../core/plugin/index.js';
import type { ConnectedClient, Sink, SinkClient, SinkExplanation, SinkStatus } from '../../core/sink/sink.js';
import { deferred } from '../../core/time/deferred.js';
import type { AdsClientStatus } from '../grpc/ads-server.js';
import { connectedClient } from '../grpc/connected-client.js';
import { EmptyServices } from '../istio/empty-services.js';
import { type DefectiveService, type InvalidService, ResourceSet } from '../istio/resource-set.js';
import type { McpConfig } from './config.js';
import { type KeyedResource, McpContent, type ResourceList } from './content.js';
import { revisionOf } from './kind-content.js';
import { McpMetrics } from './metrics.js';
import { McpObserver } from './observer.js';
import { ShardServers } from './shard-servers.js';
import { type Shard, shardIndexOf } from './shards.js';
import { SidecarFeed, type SidecarStatus } from './sidecar-feed.js';
import { type Kind, kindOf } from './types.js';

/** What the sink does now. Lists hold the first hundred; the numbers beside them count all. */
export interface McpStatus extends SinkStatus {
  readonly clients: readonly AdsClientStatus[];
  readonly resources: number;
  /** Of all resources. */
  readonly bytes: number;
  /** Services without instances that are still there. */
  readonly keptEmpty: number;
  /** Each shard of each number of shards that is served now. */
  readonly shards: readonly (Shard & {
    readonly resources: number;
    readonly bytes: number;
    readonly clients: number;
  })[];
  /** Absent: there are none by the configuration. */
  readonly sidecars?: SidecarStatus;
  readonly invalidCount: number;
  readonly invalid: readonly InvalidService[];
  readonly defective: readonly DefectiveService[];
}

const listed = 100;

/** Serves the catalog to istiod over MCP-over-xDS. One run in its life. */
export class McpSink implements Sink {
  readonly #deps: Deps;
  readonly #metrics: McpMetrics;
  readonly #empty: EmptyServices;
  readonly #resources: ResourceSet;
  readonly #content: McpContent;
  readonly #servers: ShardServers;
  readonly #sidecars: SidecarFeed | undefined;
  readonly #listening = deferred<string>();
  #address: string | undefined;

  constructor(config: McpConfig, deps: Deps) {
    this.#deps = deps;
    this.#metrics = new McpMetrics(deps.metrics, deps.name, {
      clients: () => this.clients(),
      resources: () => this.#resources.size,
      bytes: () => this.#resources.byteLength,
      keptEmpty: () => this.#empty.count,
      sidecars: () => this.#sidecars?.status().resources ?? 0,
      invalidSidecars: () => this.#sidecars?.status().invalidCount ?? 0,
      invalid: () => this.#resources.invalidCount,
    });
    const observer = new McpObserver(deps.name, deps.logger, this.#metrics);
    const resources = new ResourceSet(config, observer);
    this.#resources = resources;
    this.#empty = new EmptyServices(config.emptyServices.keepMs, deps.clock, (host) => resources.isRefused(host));
    const entries = {
      get revision() {
        return resources.revision;
      },
      all: () => keyed(resources.all()),
    };
    const { sidecars } = config;
    const feed = sidecars && new SidecarFeed(sidecars, deps, (changes) => this.#tellSidecars(changes));
    this.#sidecars = feed;
    this.#content = new McpContent({
      lists: new Map<Kind, ResourceList>([['ServiceEntry', entries], ...(feed ? [['Sidecar', feed] as const] : [])]),
      counts: [config.shards, ...config.alsoShards],
      now: () => deps.clock.now(),
      isRead: (count) => this.#servers.clients().some(({ shard }) => shard.count === count),
    });
    this.#servers = new ShardServers(config, this.#content, observer, deps.clock);
    // Whoever does not ask must not be told by an unhandled rejection: `run` rejects with the same error.
    this.#listening.promise.catch(() => undefined);
  }

  /** HOST:PORT once the sink listens; rejects when it cannot. */
  get listening(): Promise<string> {
    return this.#listening.promise;
  }

  /** Rejects when an address cannot be listened on, with the address in the message. */
  async run(catalog: Catalog, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const within = AbortSignal.any([signal, ended.signal]);
    await this.#listen();
    const expiring = this.#empty.run(within, (change) => this.#take(change));
    let following: Promise<void> | undefined;
    try {
      await this.#sidecars?.load(signal);
      following = this.#sidecars?.run(within);
      for await (const change of catalog.watch(signal)) {
        this.#take(this.#empty.take(change));
        if (!this.#sidecars) continue;
        this.#sidecars.take(change);
        if (this.#content.fill('Sidecar')) this.#servers.changed();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      ended.abort();
      await Promise.all([expiring, following]);
      this.#address = undefined;
      await this.#servers.close();
    }
  }

  status(): McpStatus {
    const clients = this.#servers.clients();
    return {
      ...(this.#address === undefined ? {} : { listening: this.#address }),
      // Not before the catalog is: a peer that comes earlier waits for its ServiceEntries.
      ready: this.#address !== undefined && this.#content.isFilled('ServiceEntry'),
      clients: clients.map(({ status }) => status),
      resources: this.#resources.size,
      bytes: this.#resources.byteLength,
      keptEmpty: this.#empty.count,
      shards: [...this.#content.cuts()].flatMap(([count, shards]) =>
        shards.map(({ size, byteLength }, index) => ({
          index,
          count,
          resources: size,
          bytes: byteLength,
          clients: clients.filter(({ shard }) => shard.count === count && shard.index === index).length,
        })),
      ),
      ...(this.#sidecars === undefined ? {} : { sidecars: this.#sidecars.status() }),
      invalidCount: this.#resources.invalidCount,
      invalid: first(this.#resources.invalid(), listed),
      defective: first(this.#resources.defective(), listed),
    };
  }

  clients(): readonly ConnectedClient[] {
    const nowMs = this.#deps.clock.now();
    return this.#servers.clients().map(({ status, shard }) => {
      const content = this.#content.of(shard);
      const lagMs = ({ typeUrl, acked, lagMs: known }: AdsClientStatus['types'][number]) => {
        if (known !== undefined) return known; // a stream that reads what changes knows it by itself
        const kind = kindOf(typeUrl);
        const isKnown = kind !== undefined && typeof content !== 'string' && this.#content.isFilled(kind);
        const ownMs = isKnown ? content.of(kind)?.lagMs(acked && revisionOf(acked.nonce), nowMs) : undefined;
        // Nobody lags behind what came before it did.
        return Math.min(ownMs ?? 0, Math.max(0, nowMs - status.connectedSinceMs));
      };
      const part = shard.count === 1 ? {} : { part: `shard ${shard.index} of ${shard.count}` };
      return { ...connectedClient(status, lagMs), ...part };
    });
  }

  explain(host: string): SinkExplanation | undefined {
    const explained = this.#resources.explain(host);
    if (!explained) return undefined;
    const { resources, revision, refused, defects } = explained;
    return {
      resources,
      refused,
      leftOut: defects.map(({ part, instance, reason }) =>
        instance === '' ? reason : `${part} of ${instance}: ${reason}`,
      ),
      clients: this.#servers
        .clients()
        .filter(({ shard }) => shardIndexOf(host, shard.count) === shard.index)
        .flatMap(({ status }) => clientsOf(status, revision)),
    };
  }

  async #listen(): Promise<void> {
    try {
      const address = formatHostPort(await this.#servers.listen());
      this.#address = address;
      this.#deps.logger.info({ listen: address }, 'serving MCP');
      this.#listening.resolve(address);
    } catch (error) {
      this.#listening.reject(error);
      throw error;
    }
  }

  #tellSidecars(changes: readonly KeyedResource[]): void {
    this.#content.apply('Sidecar', changes);
    if (this.#content.isFilled('Sidecar')) this.#servers.changed();
  }

  #take(change: Change): void {
    const startMs = performance.now();
    const changes = this.#resources.apply(change);
    if (changes.length > 0) this.#content.apply('ServiceEntry', [...keyed(changes)]);
    if (this.#content.fill('ServiceEntry') || changes.length > 0) this.#servers.changed();
    this.#metrics.pushSeconds.observe({ sink: this.#deps.name }, (performance.now() - startMs) / 1000);
  }
}

/** All resources of a host stay in one shard. */
function* keyed(changes: ReturnType<ResourceSet['all']> | ReturnType<ResourceSet['apply']>): Generator<KeyedResource> {
  for (const { host, name, resource } of changes) yield { key: host, name, resource };
}

/** What a client has of a host whose bytes changed last with `revision`, for each type that it asks ServiceEntries by. */
function clientsOf({ peer, node, types }: AdsClientStatus, revision: number): readonly SinkClient[] {
  return types
    .filter(({ typeUrl }) => kindOf(typeUrl) === 'ServiceEntry')
    .map(({ state, nonce = '', error, pending }) => {
      if (state === 'waiting') return { peer, node, state };
      if (state === 'nacked') return { peer, node, state, ...(error === undefined ? {} : { error }) };
      // Whoever reads what changes lacks what is pending, of whichever host; others have all up to a revision.
      const has = pending === undefined ? revisionOf(nonce) >= revision : pending === 0;
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
