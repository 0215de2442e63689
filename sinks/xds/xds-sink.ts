import type { Catalog, Change } from '../../core/catalog/catalog.js';
import { type Deps, formatHostPort } from '../../core/plugin/index.js';
import type { ConnectedClient, Sink, SinkExplanation, SinkStatus } from '../../core/sink/sink.js';
import { Breather } from '../../core/store/breather.js';
import { deferred } from '../../core/time/deferred.js';
import { type AdsClientStatus, AdsServer } from '../grpc/ads-server.js';
import { connectedClient } from '../grpc/connected-client.js';
import { FlushTurns } from '../grpc/flush-turns.js';
import { ResourceCache } from '../grpc/resource-cache.js';
import type { XdsChange } from '../grpc/xds-resource.js';
import { xdsSessions } from '../grpc/xds-sessions.js';
import { CertificateFiles } from './certificate-files.js';
import { clientsOf } from './client-view.js';
import type { XdsConfig } from './config.js';
import type { Defect } from './endpoint.js';
import { XdsMetrics } from './metrics.js';
import { XdsSinkObserver } from './observer.js';
import { resourcesOptions } from './options.js';
import { type InvalidService, XdsResources } from './resources.js';
import { shortType } from './types.js';

/** What the sink does now. Lists hold the first hundred; the numbers beside them count all. */
export interface XdsStatus extends SinkStatus {
  readonly clients: readonly AdsClientStatus[];
  readonly resources: number;
  /** As `Cluster`: how many. */
  readonly resourcesByType: Readonly<Record<string, number>>;
  /** Of all resources. */
  readonly bytes: number;
  readonly invalidCount: number;
  readonly invalid: readonly InvalidService[];
  readonly defective: readonly { readonly host: string; readonly defects: readonly Defect[] }[];
}

const listed = 100;
const keepaliveTimeoutMs = 20_000;

/** Serves the catalog to Envoys at the edge and to gRPC clients. One run in its life. */
export class XdsSink implements Sink {
  readonly #config: XdsConfig;
  readonly #deps: Deps;
  readonly #metrics: XdsMetrics;
  readonly #resources: XdsResources;
  readonly #files: CertificateFiles;
  readonly #cache = new ResourceCache({ turns: new FlushTurns() });
  readonly #server: AdsServer;
  readonly #listening = deferred<string>();
  #address: string | undefined;

  constructor(config: XdsConfig, deps: Deps) {
    this.#config = config;
    this.#deps = deps;
    this.#metrics = new XdsMetrics(deps.metrics, deps.name, {
      clients: () => this.clients(),
      counts: () => this.#resources.counts(),
      bytes: () => this.#resources.byteLength,
      invalid: () => this.#resources.invalidCount,
    });
    const observer = new XdsSinkObserver(deps.name, deps.logger, this.#metrics);
    const { clock } = deps;
    const { ackTimeoutMs, maxSubscriptions, maxClients, keepaliveMs, tls: ownTls, limits } = config;
    const listeners = config.gateways.flatMap((gateway) => gateway.listeners);
    const tls = listeners.flatMap((listener) => ('tls' in listener && listener.tls) || []);
    this.#files = new CertificateFiles(tls, { clock });
    this.#resources = new XdsResources(resourcesOptions(config), observer);
    this.#server = new AdsServer({
      ...xdsSessions({ cache: this.#cache, observer, clock, ackTimeoutMs, maxSubscriptions }),
      observer,
      clock,
      maxClients,
      keepaliveMs,
      keepaliveTimeoutMs,
      tls: ownTls,
      limits,
    });
    // Whoever does not ask must not be told by an unhandled rejection: `run` rejects with the same error.
    this.#listening.promise.catch(() => undefined);
  }

  /** HOST:PORT once the sink listens; rejects when it cannot. */
  get listening(): Promise<string> {
    return this.#listening.promise;
  }

  /** Rejects when the address cannot be listened on or a certificate cannot be read, with what is wrong in the message. */
  async run(catalog: Catalog, signal: AbortSignal): Promise<void> {
    await this.#listen(signal);
    const following = this.#files.isEmpty ? undefined : this.#followFiles(signal);
    try {
      for await (const change of catalog.watch(signal)) await this.#convert(change, signal);
    } finally {
      this.#address = undefined;
      await this.#server.close();
      await following;
    }
  }

  status(): XdsStatus {
    const counts = [...this.#resources.counts()].filter(([, count]) => count > 0);
    return {
      ...(this.#address === undefined ? {} : { listening: this.#address }),
      // Not before the catalog is: a client that comes earlier waits for its resources.
      ready: this.#address !== undefined && this.#cache.isFilled,
      clients: this.#server.clients(),
      resources: this.#cache.size(),
      resourcesByType: Object.fromEntries(counts.map(([typeUrl, count]) => [shortType(typeUrl), count])),
      bytes: this.#resources.byteLength,
      invalidCount: this.#resources.invalidCount,
      invalid: first(this.#resources.invalid(), listed),
      defective: first(this.#resources.defective(), listed),
    };
  }

  clients(): readonly ConnectedClient[] {
    return this.#server.clients().map((client) => connectedClient(client));
  }

  explain(host: string): SinkExplanation | undefined {
    const explained = this.#resources.explain(host);
    if (!explained) return undefined;
    const { resources, refused, defects } = explained;
    return {
      resources: resources.map(({ typeUrl, name, version }) => ({ name: `${shortType(typeUrl)} ${name}`, version })),
      refused,
      leftOut: defects.map(({ part, of, reason }) => `${part} ${of}: ${reason}`),
      clients: clientsOf(resources, this.#server.clients()),
    };
  }

  async #listen(signal: AbortSignal): Promise<void> {
    try {
      await this.#files.load(signal);
      this.#resources.setFiles(this.#files.contents);
      const address = formatHostPort(await this.#server.listen(this.#config.listen));
      this.#address = address;
      this.#deps.logger.info({ listen: address }, 'serving xDS');
      this.#listening.resolve(address);
    } catch (error) {
      this.#listening.reject(error);
      throw error;
    }
  }

  #followFiles(signal: AbortSignal): Promise<void> {
    const { logger } = this.#deps;
    return this.#files.follow(
      signal,
      () => {
        logger.info('certificates have changed');
        this.#resources.setFiles(this.#files.contents);
        // Before the first change of the catalog nothing is served.
        if (this.#cache.isFilled) this.#take(this.#resources.refresh());
      },
      ({ message }) => logger.error({ error: message }, 'certificates have changed and cannot be used; the last stay'),
    );
  }

  /** Gives other work its turns: a change may be of all services. */
  async #convert(change: Change, signal: AbortSignal): Promise<void> {
    const breather = new Breather();
    const whole: XdsChange[] = [];
    for (const changes of this.#resources.parts(change)) {
      // Clients must not take the first part of a new beginning for all there is.
      if (change.reset) whole.push(...changes);
      else this.#take(changes);
      if (breather.isDue) await breather.breathe();
      if (signal.aborted) return;
    }
    if (change.reset) this.#take(whole);
  }

  #take(changes: readonly XdsChange[]): void {
    const startMs = performance.now();
    this.#cache.apply(changes);
    this.#metrics.pushSeconds.observe({ sink: this.#deps.name }, (performance.now() - startMs) / 1000);
  }
}

function first<T>(items: Iterable<T>, count: number): T[] {
  const list: T[] = [];
  for (const item of items) {
    if (list.length >= count) break;
    list.push(item);
  }
  return list;
}
