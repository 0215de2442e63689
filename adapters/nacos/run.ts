import { type BackoffOptions, backoffMs, type Deps, matchesGlob, type SourceOutput } from '../../core/plugin/index.js';
import type { NacosConfig } from './config.js';
import { toService } from './convert.js';
import { isDubboBookkeeping } from './dubbo.js';
import { NacosHttp } from './http-client.js';
import { NacosLogin } from './login.js';
import { StringPool } from './metadata.js';
import { type NacosMetrics, nacosMetrics } from './metrics.js';
import { toError } from './nacos-error.js';
import { listNamespaces, NamespacesUnlisted } from './namespace-list.js';
import { type NamespaceEvents, NamespaceReader } from './namespace-reader.js';
import { Publication } from './publication.js';
import { RequestGate } from './request-gate.js';
import { type NacosServer, parseServer } from './server.js';
import { formatServiceKey, namespaceId, parseServiceKey, publicNamespace, type ServiceKey } from './service-key.js';

/** Namespaces come and go rarely; they are listed so many times less often than names. */
const namespaceListFactor = 3;
/** A namespace must be missing in so many lists before its services are gone. */
const missedLists = 2;

interface RunningReader {
  readonly end: AbortController;
  readonly done: Promise<void>;
  missed: number;
}

/** One run of a source: the readers of its namespaces, and what they share. */
export class NacosRun {
  readonly #config: NacosConfig;
  readonly #deps: Deps;
  readonly #signal: AbortSignal;
  readonly #servers: readonly NacosServer[];
  readonly #http: NacosHttp;
  readonly #login: NacosLogin;
  readonly #gate: RequestGate;
  readonly #backoff: BackoffOptions;
  readonly #metrics: NacosMetrics;
  readonly #publication: Publication;
  readonly #pool = new StringPool();
  readonly #readers = new Map<string, RunningReader>();

  constructor(config: NacosConfig, deps: Deps, out: SourceOutput, signal: AbortSignal) {
    const { servers, grpcPortOffset, tls, requestTimeoutMs, username, password } = config;
    const { clock } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#signal = signal;
    this.#servers = servers.map((url) => parseServer(url, grpcPortOffset));
    this.#http = new NacosHttp(this.#servers, tls, requestTimeoutMs);
    this.#gate = new RequestGate(clock, config.maxConcurrentRequests, config.maxRequestsPerSecond);
    this.#backoff = { baseMs: config.retryBaseMs, maxMs: Math.max(config.retryBaseMs, config.retryMaxMs) };
    this.#login = new NacosLogin({ http: this.#http, clock, backoff: this.#backoff, username, password, signal });
    this.#metrics = nacosMetrics(deps.metrics, deps.name);
    this.#publication = new Publication(out);
  }

  /** Settles after the signal aborts, when every connection is closed. */
  async run(): Promise<void> {
    const endAll = () => {
      for (const { end } of this.#readers.values()) end.abort(this.#signal.reason);
    };
    this.#signal.addEventListener('abort', endAll, { once: true });
    try {
      await (this.#config.namespaces ? this.#readNamed(this.#config.namespaces) : this.#readAll());
    } finally {
      this.#signal.removeEventListener('abort', endAll);
      endAll();
      await Promise.all([...this.#readers.values()].map(({ done }) => done));
      await this.#http.close();
    }
  }

  async #readNamed(namespaces: readonly string[]): Promise<void> {
    const ids = [...new Set(namespaces.map(namespaceId))];
    this.#publication.namespacesKnown(ids);
    for (const id of ids) this.#start(id);
    await Promise.all([...this.#readers.values()].map(({ done }) => done));
  }

  /** Lists the namespaces again and again, and reads those there are. */
  async #readAll(): Promise<void> {
    const { clock } = this.#deps;
    let failures = 0;
    while (!this.#signal.aborted) {
      let waitMs = this.#config.listIntervalMs * namespaceListFactor * (0.9 + 0.2 * Math.random());
      try {
        await this.#follow(await listNamespaces(this.#http, this.#login, this.#signal));
        failures = 0;
      } catch (error) {
        if (this.#signal.aborted) return;
        const unlisted = error instanceof NamespacesUnlisted;
        const read = unlisted ? [publicNamespace] : [];
        this.#publication.namespacesFailed(toError(error), read);
        for (const namespace of read) this.#start(namespace);
        if (!unlisted) waitMs = backoffMs(failures++, this.#backoff);
      }
      // Only the abort ends the sleep early, and the loop looks at that.
      await clock.sleep(waitMs, this.#signal).catch(() => undefined);
    }
  }

  async #follow(listed: readonly string[]): Promise<void> {
    const namespaces = new Set(listed);
    const ended: Promise<void>[] = [];
    for (const [namespace, reader] of this.#readers) {
      reader.missed = namespaces.has(namespace) ? 0 : reader.missed + 1;
      if (reader.missed < missedLists) namespaces.add(namespace);
      else {
        reader.end.abort(new Error('the namespace is gone'));
        this.#readers.delete(namespace);
        ended.push(reader.done);
      }
    }
    await Promise.all(ended);
    this.#publication.namespacesKnown([...namespaces]);
    for (const namespace of namespaces) this.#start(namespace);
  }

  #start(namespace: string): void {
    if (this.#readers.has(namespace)) return;
    const { tls, groups, requestTimeoutMs, keepAliveMs, listIntervalMs, auditIntervalMs, settleMs } = this.#config;
    const { clock, logger } = this.#deps;
    const end = new AbortController();
    if (this.#signal.aborted) end.abort(this.#signal.reason);
    const reader = new NamespaceReader({
      namespace,
      servers: this.#servers,
      groups,
      selects: (key) => this.#selects(key),
      tls,
      http: this.#http,
      login: this.#login,
      gate: this.#gate,
      clock,
      logger,
      backoff: this.#backoff,
      requestTimeoutMs,
      keepAliveMs,
      listIntervalMs,
      auditIntervalMs,
      settleMs,
      events: this.#events(end.signal),
    });
    this.#readers.set(namespace, { end, done: reader.run(end.signal), missed: 0 });
  }

  #events(ended: AbortSignal): NamespaceEvents {
    const publication = this.#publication;
    return {
      published: (namespace) => publication.names(namespace).flatMap((name) => parseServiceKey(name) ?? []),
      hold: (namespace) => publication.hold(namespace),
      held: (namespace) => publication.held(namespace),
      release: (namespace) => {
        if (!ended.aborted) publication.release(namespace);
      },
      instances: (key, hosts) => {
        if (ended.aborted) return false;
        const before = publication.service(key.namespace, formatServiceKey(key));
        return publication.put(key.namespace, toService(key, hosts, this.#convertOptions, this.#pool, before));
      },
      removed: (key) => {
        if (!ended.aborted) publication.remove(key.namespace, formatServiceKey(key));
      },
      complete: (namespace) => {
        if (!ended.aborted) publication.complete(namespace);
      },
      failed: (namespace, error) => {
        if (ended.aborted) return;
        this.#metrics.readFailed();
        publication.failed(namespace, error);
      },
      auditDifference: ({ namespace, group, name }) => {
        this.#metrics.auditDifference();
        this.#deps.logger.warn({ namespace, group, service: name }, 'a change of this service had not been pushed');
      },
    };
  }

  get #convertOptions() {
    const { clusters, protocol, servicePort } = this.#config;
    return { clusters, protocol, servicePort };
  }

  #selects({ name }: ServiceKey): boolean {
    const { include, exclude } = this.#config;
    if (isDubboBookkeeping(name)) return false;
    if (include && !include.some((glob) => matchesGlob(glob, name))) return false;
    return !exclude.some((glob) => matchesGlob(glob, name));
  }
}
