import {
  type Collection,
  type CollectionObserver,
  KubernetesError,
  listAndWatch,
  runSession,
  type SessionTask,
  toKubernetesError,
} from '../../clients/kubernetes/index.js';
import type { Catalog, Change } from '../../core/catalog/catalog.js';
import type { PolicyName } from '../../core/plan/plan.js';
import { backoffMs, type SinkDeps } from '../../core/plugin/index.js';
import type { Sink, SinkExplanation, SinkStatus } from '../../core/sink/sink.js';
import { EmptyServices } from '../istio/empty-services.js';
import type { KubernetesSinkConfig } from './config.js';
import { DesiredObjects } from './desired.js';
import { group, type Kind, type Owner, resources } from './manifest.js';
import { type KubernetesMetrics, kubernetesMetrics, type ObjectState } from './metrics.js';
import { type Observed, observe } from './observed.js';
import { Reconciler } from './reconciler.js';

/** An object, as `ServiceEntry/namespace/name`, and what is the matter with it. */
export interface ObjectProblem {
  readonly object: string;
  readonly reason: string;
}

/** What the sink does now. Lists hold the first hundred; the numbers beside them count all. */
export interface KubernetesStatus extends SinkStatus {
  readonly policy: PolicyName;
  readonly connection: { readonly state: 'waiting' | 'connected' | 'failing'; readonly error?: string };
  readonly desired: number;
  /** Objects in the cluster that are ours. */
  readonly owned: number;
  readonly pending: number;
  readonly heldCount: number;
  readonly held: readonly ObjectProblem[];
  readonly conflictCount: number;
  readonly conflicts: readonly ObjectProblem[];
  readonly failingCount: number;
  readonly failing: readonly ObjectProblem[];
  readonly invalidCount: number;
  readonly invalid: readonly { readonly host: string; readonly reasons: readonly string[] }[];
  readonly lastWriteMs?: number;
}

const kinds: readonly Kind[] = ['ServiceEntry', 'WorkloadEntry'];
const listed = 100;
const retry = { baseMs: 500, maxMs: 30_000 };
const steadyMs = 30_000;
const gaugesMs = 5000;

/** Writes the catalog into a cluster as Istio resources. One run in its life. */
export class KubernetesSink implements Sink {
  readonly #config: KubernetesSinkConfig;
  readonly #deps: SinkDeps;
  readonly #owner: Owner;
  readonly #metrics: KubernetesMetrics;
  readonly #empty: EmptyServices;
  readonly #desired: DesiredObjects;
  readonly #reconciler: Reconciler;
  #catalog: Catalog | undefined;
  #connection: KubernetesStatus['connection'] = { state: 'waiting' };
  #isRunning = false;

  constructor(config: KubernetesSinkConfig, deps: SinkDeps) {
    const { logger, clock, name, site } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#owner = { site, sink: name };
    this.#metrics = kubernetesMetrics(deps.metrics);
    this.#metrics.connected.set({ sink: name }, 0);
    const desired = new DesiredObjects(config, this.#owner, {
      onInvalid: (host, reasons) =>
        logger.warn({ host, reasons }, 'istiod would refuse this service; its last good copy stays'),
    });
    this.#desired = desired;
    this.#empty = new EmptyServices(config.emptyServices.keepMs, clock, (host) => desired.invalid.has(host));
    this.#reconciler = new Reconciler(
      {
        ...{ owner: this.#owner, clock, desired: desired.manifests },
        ...{ policy: config.policy, apiVersion: config.apiVersion, writesPerSecond: config.writesPerSecond },
        whyKeep: (host, sources) => this.#whyKeep(host, sources),
        onWrite: (verb, object, result) => {
          this.#metrics.writes.inc({ sink: name, verb, result });
          if (result === 'ok') logger.debug({ verb, object }, 'written');
        },
        onConflict: (object, reason) =>
          logger.warn({ object, reason }, 'an object of this name is there already; it is left alone'),
        onFailure: (object, error) =>
          logger.warn({ object, error: error.message }, 'a write failed; it is tried again'),
      },
      kinds,
    );
  }

  /** Never rejects for what the API does: that is a status and a retry. */
  async run(catalog: Catalog, signal: AbortSignal): Promise<void> {
    this.#catalog = catalog;
    this.#isRunning = true;
    const ended = new AbortController();
    const own = () => AbortSignal.any([signal, ended.signal]);
    const beside = [
      this.#empty.run(own(), (change) => this.#take(change)),
      this.#follow(own()),
      this.#measure(own()),
    ].map((task) => task.catch((error: unknown) => this.#unlessEnded(error, signal, ended.signal)));
    try {
      for await (const change of catalog.watch(signal)) this.#take(this.#empty.take(change));
    } finally {
      this.#isRunning = false;
      ended.abort(new Error('the sink has ended'));
      await Promise.all(beside);
    }
  }

  status(): KubernetesStatus {
    const { held, conflicts, failing, pending, lastWriteMs } = this.#reconciler;
    return {
      // What the API does is no reason to keep the daemon from serving others.
      ready: this.#isRunning,
      policy: this.#config.policy,
      connection: this.#connection,
      desired: this.#desired.manifests.size,
      owned: this.#owned(),
      pending,
      ...{ heldCount: held.size, held: problems(held) },
      ...{ conflictCount: conflicts.size, conflicts: problems(conflicts) },
      ...{ failingCount: failing.size, failing: problems(failing) },
      invalidCount: this.#desired.invalid.size,
      invalid: [...this.#desired.invalid].slice(0, listed).map(([host, reasons]) => ({ host, reasons })),
      ...(lastWriteMs === undefined ? {} : { lastWriteMs }),
    };
  }

  explain(host: string): SinkExplanation | undefined {
    if (!this.#desired.isKnown(host)) return undefined;
    const { conflicts, failing, held, observed } = this.#reconciler;
    const keys = this.#desired.keysOf(host);
    const ofObject = (key: string, reason: string | undefined) => (reason === undefined ? [] : [`${key}: ${reason}`]);
    return {
      resources: keys.flatMap((name) => {
        const there = observed.get(name);
        return there === undefined || there.foreign !== undefined ? [] : [{ name, version: there.version }];
      }),
      refused: [
        ...(this.#desired.invalid.get(host) ?? []),
        ...keys.flatMap((key) => ofObject(key, conflicts.get(key) ?? failing.get(key) ?? held.get(key))),
      ].slice(0, listed),
      leftOut: this.#desired.defectsOf(host).map(({ part, instance, reason }) => `${part} of ${instance}: ${reason}`),
      clients: [],
    };
  }

  #take(change: Change): void {
    this.#reconciler.wanted(this.#desired.apply(change));
    this.#reconciler.fill();
  }

  /** Why an object that is no longer wanted stays: what is not there may only not have been read. */
  #whyKeep(host: string, sources: readonly string[]): string | undefined {
    if (this.#desired.invalid.has(host))
      return 'the newest state of its service is refused, and the last good one stays';
    if (this.#catalog?.snapshot().services.has(host) === true && this.#desired.keysOf(host).length === 0) {
      return 'its service is on its way';
    }
    const unread = sources.filter((source) => !this.#deps.isRead(source));
    return unread.length === 0 ? undefined : `${unread.join(', ')} has not been read whole yet`;
  }

  /** One session after another, each with the files as they are then. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, logger, name: sink } = this.#deps;
    let attempt = 0;
    for (;;) {
      const startedMs = clock.now();
      this.#reconciler.begin();
      try {
        await this.#runSession(signal);
      } catch (error) {
        signal.throwIfAborted();
        const failure = toKubernetesError(error);
        if (!(error instanceof KubernetesError)) logger.error({ err: error }, 'the session failed of itself');
        if (clock.now() - startedMs >= steadyMs) attempt = 0;
        const isNew = this.#connection.error !== failure.message;
        this.#noteConnection({ state: 'failing', error: failure.message });
        this.#metrics.sessions.inc({ sink, failure: failure.failure });
        if (isNew) logger.warn({ error: failure.message }, 'the Kubernetes API cannot be followed; trying again');
      }
      await clock.sleep(backoffMs(attempt++, retry), signal);
    }
  }

  async #runSession(signal: AbortSignal): Promise<void> {
    const { pageSize, watchMs, requestTimeoutMs, parallel } = this.#config;
    const { clock, logger } = this.#deps;
    const reconciler = this.#reconciler;
    const unlisted = new Set(kinds);
    const watch = (kind: Kind): SessionTask => {
      const observer: CollectionObserver<Observed> = {
        listed: (items) => {
          unlisted.delete(kind);
          if (unlisted.size === 0 && this.#connection.state !== 'connected') {
            this.#noteConnection({ state: 'connected' });
            logger.info({ objects: reconciler.observed.size }, 'following the Kubernetes API');
          }
          reconciler.listed(kind, items);
        },
        changed: (key, item) => reconciler.changed(kind, key, item),
        settled: () => undefined,
      };
      return (client, within) =>
        listAndWatch(this.#collection(kind), observer, { client, clock, pageSize, watchMs }, within);
    };
    const work: SessionTask = (client, within) => reconciler.work(client, within);
    const tasks = [...kinds.map(watch), ...Array.from({ length: parallel }, () => work)];
    await runSession(tasks, { access: this.#config, requestTimeoutMs, clock }, signal);
  }

  #noteConnection(connection: KubernetesStatus['connection']): void {
    this.#connection = connection;
    this.#metrics.connected.set({ sink: this.#deps.name }, connection.state === 'connected' ? 1 : 0);
  }

  /** Foreign objects too, for they may have the places of ours. */
  #collection(kind: Kind): Collection<Observed> {
    const { apiVersion, scope, namespace } = this.#config;
    const within = scope === 'namespace' ? `/namespaces/${namespace}` : '';
    return {
      path: `/apis/${group}/${apiVersion}${within}/${resources[kind]}`,
      decode: (object) => observe(kind, object, this.#owner),
    };
  }

  #owned(): number {
    let owned = 0;
    for (const { foreign } of this.#reconciler.observed.values()) if (foreign === undefined) owned++;
    return owned;
  }

  async #measure(signal: AbortSignal): Promise<void> {
    const { clock, name: sink } = this.#deps;
    for (;;) {
      const { held, conflicts, failing, pending } = this.#reconciler;
      const counts: Readonly<Record<ObjectState, number>> = {
        ...{ desired: this.#desired.manifests.size, owned: this.#owned(), pending },
        ...{ held: held.size, conflict: conflicts.size, failing: failing.size },
      };
      for (const [state, count] of Object.entries(counts)) this.#metrics.objects.set({ sink, state }, count);
      this.#metrics.invalid.set({ sink }, this.#desired.invalid.size);
      await clock.sleep(gaugesMs, signal);
    }
  }

  #unlessEnded(error: unknown, ...signals: readonly AbortSignal[]): void {
    if (!signals.some(({ aborted }) => aborted))
      this.#deps.logger.error({ err: error }, 'a part of the sink has failed');
  }
}

function problems(of: ReadonlyMap<string, string>): readonly ObjectProblem[] {
  return [...of].slice(0, listed).map(([object, reason]) => ({ object, reason }));
}
