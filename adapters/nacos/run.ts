import { setMaxListeners } from 'node:events';
import {
  type AuditReport,
  type BackoffOptions,
  backoffMs,
  type Consumer,
  type Deps,
  matchesGlob,
  type SourceOutput,
  type SourceRecord,
} from '../../core/plugin/index.js';
import { ProviderReader } from '../dubbo/provider.js';
import { joinReports } from './audit.js';
import type { NacosConfig } from './config.js';
import { ConsumerBook } from './consumer-book.js';
import { NacosCredentials } from './credentials.js';
import { formatDubboName, isDubboBookkeeping, parseConsumersName, parseDubboName } from './dubbo.js';
import { DubboRegistry } from './dubbo-registry.js';
import { NacosHttp } from './http-client.js';
import { NacosLogin } from './login.js';
import { mappedRecords } from './mapped-records.js';
import { StringPool } from './metadata.js';
import { type NacosMetrics, nacosMetrics } from './metrics.js';
import { toError } from './nacos-error.js';
import { listNamespaces, type NamespaceEntry, NamespacesUnlisted } from './namespace-list.js';
import { type NamespaceEvents, NamespaceReader } from './namespace-reader.js';
import type { ConnectionSettings } from './open-connection.js';
import { Protection } from './protection.js';
import { Publication } from './publication.js';
import { maxRecords, toRecords } from './raw-records.js';
import { RegistryView } from './registry-view.js';
import { RequestGate } from './request-gate.js';
import { literalNames, type Selection, selects, toSelection } from './selection.js';
import { type NacosServer, parseServer } from './server.js';
import { formatServiceKey, namespaceId, parseServiceKey, publicNamespace, type ServiceKey } from './service-key.js';
import { RequestSigner } from './signing.js';
import { followSubscribers } from './subscribers.js';
import { readTrueHealth } from './true-health.js';

/** Namespaces come and go rarely; they are listed so many times less often than names. */
const namespaceListFactor = 3;
/**
 * How long metadata of Dubbo that cannot be had keep a listing from being complete where nothing is known of before. It is
 * longer than sinks usually wait (`graceMs`), for what they serve first takes away what readers knew of old.
 */
const coldWaitMs = 300_000;
/** A namespace must be missing in so many lists before its services are gone. */
const missedLists = 2;

interface RunningReader {
  readonly reader: NamespaceReader;
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
  readonly #settings: ConnectionSettings;
  readonly #backoff: BackoffOptions;
  readonly #metrics: NacosMetrics;
  readonly #publication: Publication;
  readonly #consumers: ConsumerBook;
  readonly #dubbo: DubboRegistry;
  readonly #view: RegistryView;
  readonly #out: SourceOutput;
  readonly #readers = new Map<string, RunningReader>();
  readonly #namespaces: Selection;
  readonly #groups: Selection;
  /** Counts what would make a namespace that is about to be complete so no longer. */
  readonly #setbacks = new Map<string, number>();
  /** Until when what could never be read keeps a namespace from being complete. */
  readonly #coldUntilMs: number;

  constructor(config: NacosConfig, deps: Deps, out: SourceOutput, signal: AbortSignal) {
    const { servers, grpcPortOffset, tls, requestTimeoutMs: timeoutMs, username, password } = config;
    const { accessKey, secretKey, signingRegion: region } = config;
    const { clock } = deps;
    const earlier = out.published();
    this.#coldUntilMs = earlier.size > 0 ? 0 : clock.now() + coldWaitMs;
    this.#config = config;
    this.#deps = deps;
    this.#out = out;
    this.#signal = AbortSignal.any([signal]);
    // Each group that Dubbo is in hangs on it, and each request under way, of which there are `maxConcurrentRequests`.
    setMaxListeners(0, this.#signal);
    this.#namespaces = toSelection(config.namespaces);
    this.#groups = toSelection(config.groups);
    this.#metrics = nacosMetrics(deps.metrics, deps.name);
    this.#servers = servers.map((url) => parseServer(url, grpcPortOffset));
    this.#http = new NacosHttp({ servers: this.#servers, tls, timeoutMs, metrics: this.#metrics });
    this.#backoff = { baseMs: config.retryBaseMs, maxMs: Math.max(config.retryBaseMs, config.retryMaxMs) };
    const login = new NacosLogin({
      http: this.#http,
      clock,
      backoff: this.#backoff,
      username,
      password,
      signal: this.#signal,
    });
    const signs = accessKey !== undefined && secretKey !== undefined;
    const signer = signs ? new RequestSigner({ accessKey, secretKey, region, clock }) : undefined;
    const gate = new RequestGate(clock, config.maxConcurrentRequests, config.maxRequestsPerSecond);
    const credentials = new NacosCredentials(login, signer);
    this.#settings = { ...config, tls, http: this.#http, credentials, gate, clock, metrics: this.#metrics };
    this.#publication = new Publication(out, () => this.#dubbo.tellLacking());
    const convert = { ...config, clusters: toSelection(config.clusters), servicePort: config.servicePort };
    const pool = new StringPool();
    this.#consumers = new ConsumerBook((service, consumers) => out.consumers(service, consumers));
    this.#dubbo = new DubboRegistry({
      ...config.dubbo,
      earlier: earlier.values(),
      consumers: this.#consumers,
      reading: { reader: new ProviderReader(), options: convert, pool },
      gate,
      clock,
      backoff: this.#backoff,
      intervalMs: config.auditIntervalMs,
      pollIntervalMs: config.pollIntervalMs,
      signal: this.#signal,
      out,
      published: (key) => this.#view.published(key),
      publish: (key, service) => this.#publication.put(key.namespace, service),
      remove: (key) => this.#publication.remove(key.namespace, formatServiceKey(key)),
      readConfig: (namespace, dataId, group) => this.#readerOf(namespace).config(dataId, group),
    });
    const protection = new Protection({
      read: (key, clusters) => readTrueHealth(this.#settings, key, clusters, this.#signal),
      onHealth: (key, hosts) => this.#view.put(key, hosts),
      notice: (key, text) => out.notice(key, text),
      signal: this.#signal,
    });
    this.#view = new RegistryView({ publication: this.#publication, protection, dubbo: this.#dubbo, convert, pool });
  }

  /** Settles after the signal aborts, when every connection is closed. */
  async run(): Promise<void> {
    const endAll = () => {
      for (const { end } of this.#readers.values()) end.abort(this.#signal.reason);
    };
    this.#signal.addEventListener('abort', endAll, { once: true });
    const subscribers = this.#followSubscribers();
    try {
      const named = literalNames(this.#namespaces);
      await (named ? this.#readNamed(named) : this.#readAll());
    } finally {
      this.#signal.removeEventListener('abort', endAll);
      endAll();
      await Promise.all([subscribers, ...[...this.#readers.values()].map(({ done }) => done)]);
      await this.#http.close();
    }
  }

  async #followSubscribers(): Promise<void> {
    const { subscribersIntervalMs: intervalMs } = this.#config;
    if (intervalMs === 0) return;
    const options = {
      ...this.#settings,
      logger: this.#deps.logger,
      intervalMs,
      services: () => [...this.#readers.keys()].flatMap((namespace) => this.#registered(namespace)),
      has: (key: ServiceKey) => this.#isRegistered(key),
      onSubscribers: (key: ServiceKey, subscribers: readonly Consumer[]) =>
        this.#consumers.set(formatServiceKey(key), 'subscribed', subscribers),
      notice: (key: string, text: string | undefined) => this.#out.notice(key, text),
    };
    await followSubscribers(options, this.#signal);
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
        await this.#follow(await listNamespaces(this.#http, this.#settings.credentials, this.#signal));
        failures = 0;
      } catch (error) {
        if (this.#signal.aborted) return;
        const unlisted = error instanceof NamespacesUnlisted;
        const read = unlisted ? this.#namesForSure() : [];
        this.#publication.namespacesFailed(toError(error), read);
        for (const namespace of read) this.#start(namespace);
        if (!unlisted) waitMs = backoffMs(failures++, this.#backoff);
      }
      // Only the abort ends the sleep early, and the loop looks at that.
      await clock.sleep(waitMs, this.#signal).catch(() => undefined);
    }
  }

  /** What is to be read of namespaces that cannot be listed. */
  #namesForSure(): readonly string[] {
    const named = this.#namespaces.include?.filter((name) => !name.includes('*')) ?? [];
    return [...new Set([publicNamespace, ...named])].filter((name) => selects(this.#namespaces, name));
  }

  async #follow(listed: readonly NamespaceEntry[]): Promise<void> {
    const selected = listed.filter(({ id, title }) => selects(this.#namespaces, id, title));
    const namespaces = new Set(selected.map(({ id }) => id));
    const ended: Promise<void>[] = [];
    for (const [namespace, reader] of this.#readers) {
      reader.missed = namespaces.has(namespace) ? 0 : reader.missed + 1;
      if (reader.missed < missedLists) namespaces.add(namespace);
      else {
        reader.end.abort(new Error('the namespace is gone'));
        this.#readers.delete(namespace);
        ended.push(reader.done.then(() => this.#forget(namespace)));
      }
    }
    await Promise.all(ended);
    this.#publication.namespacesKnown([...namespaces]);
    for (const namespace of namespaces) this.#start(namespace);
  }

  /** Nothing of it is read any more; what is published of it goes with the list of namespaces. */
  #forget(namespace: string): void {
    this.#view.forget(namespace);
    this.#consumers.forget(namespace);
    this.#setbacks.delete(namespace);
  }

  #start(namespace: string): void {
    if (this.#readers.has(namespace)) return;
    const { listIntervalMs, auditIntervalMs, settleMs } = this.#config;
    const end = new AbortController();
    if (this.#signal.aborted) end.abort(this.#signal.reason);
    const reader = new NamespaceReader({
      namespace,
      servers: this.#servers,
      groups: literalNames(this.#groups),
      selects: (key) => this.#selects(key),
      settings: this.#settings,
      logger: this.#deps.logger,
      backoff: this.#backoff,
      listIntervalMs,
      auditIntervalMs,
      settleMs,
      events: this.#events(end.signal),
    });
    this.#readers.set(namespace, { reader, end, done: reader.run(end.signal), missed: 0 });
  }

  #events(ended: AbortSignal): NamespaceEvents {
    const publication = this.#publication;
    const view = this.#view;
    return {
      published: (namespace) => this.#registered(namespace),
      hold: (namespace) => {
        this.#setback(namespace);
        publication.hold(namespace);
      },
      held: (namespace) => publication.held(namespace),
      release: (namespace) => {
        if (!ended.aborted) publication.release(namespace);
      },
      instances: (key, answer) => {
        if (!ended.aborted) view.answered(key, answer);
      },
      audited: (key, answer) => {
        const differences = ended.aborted ? [] : view.audited(key, answer);
        if (differences.length > 0) this.#metrics.auditDifference();
        return differences;
      },
      auditRound: (report) => {
        if (!ended.aborted) this.#out.audited(report);
      },
      removed: (key) => {
        if (ended.aborted) return;
        view.removed(key);
        this.#consumers.set(formatServiceKey(key), 'subscribed', []);
      },
      connected: (namespace, connection) => this.#dubbo.connected(namespace, connection),
      pushed: (namespace, message) => {
        if (!ended.aborted) this.#dubbo.pushed(namespace, message);
      },
      complete: (namespace) => void this.#complete(namespace, ended),
      failed: (namespace, error) => {
        if (ended.aborted) return;
        this.#setback(namespace);
        this.#metrics.readFailed();
        publication.failed(namespace, error);
      },
    };
  }

  /** Services that are published and that the registry has itself. */
  #registered(namespace: string): readonly ServiceKey[] {
    const keys = this.#publication.names(namespace).flatMap((name) => parseServiceKey(name) ?? []);
    return keys.filter((key) => !this.#dubbo.isDerived(key));
  }

  #isRegistered(key: ServiceKey): boolean {
    if (!this.#readers.has(key.namespace) || this.#dubbo.isDerived(key)) return false;
    return this.#publication.service(key.namespace, formatServiceKey(key)) !== undefined;
  }

  /** What the services of a namespace are made of is complete when also what they announce elsewhere is read. */
  async #complete(namespace: string, ended: AbortSignal): Promise<void> {
    const setbacks = this.#setbacks.get(namespace);
    // Only the end of the reader ends the wait early, and the next line looks at that.
    await this.#dubbo.settled(namespace, ended).catch(() => undefined);
    const isOver = () => ended.aborted || this.#setbacks.get(namespace) !== setbacks;
    if (isOver()) return;
    const coldMs = this.#coldUntilMs - this.#deps.clock.now();
    if (coldMs > 0 && this.#dubbo.isLacking(namespace)) {
      this.#publication.partial(namespace);
      await this.#dubbo.whole(namespace, coldMs, ended).catch(() => undefined);
      if (isOver()) return;
    }
    this.#dubbo.forgetEarlier(namespace);
    this.#publication.complete(namespace);
  }

  #setback(namespace: string): void {
    this.#setbacks.set(namespace, (this.#setbacks.get(namespace) ?? 0) + 1);
  }

  #readerOf(namespace: string): NamespaceReader {
    const reader = this.#readers.get(namespace)?.reader;
    if (!reader) throw new Error(`the namespace ${JSON.stringify(namespace)} is not read`);
    return reader;
  }

  /** @throws Error when a namespace could not be read whole */
  async audit(): Promise<AuditReport> {
    const readers = [...this.#readers.values()];
    const reports = await Promise.all(readers.map(({ reader }) => reader.auditNow()));
    return joinReports(reports);
  }

  /** @throws Error when the service cannot be read */
  async records(name: string): Promise<readonly SourceRecord[]> {
    const key = parseServiceKey(name);
    if (!key) throw new Error(`${JSON.stringify(name)} is no service of Nacos`);
    const reader = this.#readerOf(key.namespace);
    const service = this.#publication.service(key.namespace, name);
    const records = toRecords(await reader.ask(key), service);
    const provided = this.#config.dubbo.applications ? parseDubboName(key.name) : undefined;
    if (!provided) return records;
    const mapped = await mappedRecords({
      interfaceName: provided.interfaceName,
      service,
      config: (dataId, group) => reader.config(dataId, group),
      ask: (application) => reader.ask({ ...key, name: application }),
    });
    return [...records, ...mapped].slice(0, maxRecords);
  }

  #selects({ group, name }: ServiceKey): boolean {
    const { include, exclude, dubbo } = this.#config;
    const consumed = dubbo.consumers ? parseConsumersName(name) : undefined;
    if ((isDubboBookkeeping(name) && !consumed) || !selects(this.#groups, group)) return false;
    // Consumers are read of what is read.
    const wanted = consumed ? formatDubboName(consumed) : name;
    if (include && !include.some((glob) => matchesGlob(glob, wanted))) return false;
    return !exclude.some((glob) => matchesGlob(glob, wanted));
  }
}
