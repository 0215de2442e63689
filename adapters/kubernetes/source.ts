import type { Counter } from 'prom-client';
import {
  field,
  type KubernetesClient,
  listAndWatch,
  listOf,
  metaOf,
  runSession,
  type SessionTask,
} from '../../clients/kubernetes/index.js';
import {
  type AuditReport,
  backoffMs,
  type Deps,
  linkSignal,
  type Source,
  type SourceOutput,
  type SourceRecord,
  sharedCounter,
  shownRecord,
} from '../../core/plugin/index.js';
import { auditRealm } from './audit.js';
import type { KubernetesConfig } from './config.js';
import { Publication } from './publication.js';
import { Realm, type RealmView } from './realm.js';
import { decodeSlice } from './records.js';

type SourceDeps = Pick<Deps, 'name' | 'logger' | 'clock' | 'metrics'>;

interface LiveSession {
  readonly client: KubernetesClient;
  readonly view: RealmView;
  /** Aborts when the session ends: the view stands still from then on. */
  readonly signal: AbortSignal;
}

const retry = { baseMs: 250, maxMs: 10_000 };
/** A session that ends sooner after its listing counts as failed: a listing is the most that the API can be asked. */
const steadyMs = 30_000;
const maxRecords = 1000;

/** Follows Services and EndpointSlices of a Kubernetes cluster: each namespace by itself, published as one source. */
export class KubernetesSource implements Source {
  readonly #config: KubernetesConfig;
  readonly #deps: SourceDeps;
  readonly #realms: readonly Realm[];
  readonly #auditDifferences: Counter<string>;
  readonly #live = new Map<Realm, LiveSession>();

  constructor(config: KubernetesConfig, deps: SourceDeps) {
    const { namespaces } = config;
    this.#config = config;
    this.#deps = deps;
    this.#realms =
      namespaces.length === 0
        ? [new Realm(config, undefined, undefined)]
        : namespaces.map((name) => new Realm(config, name, namespaces.length === 1 ? undefined : name));
    this.#auditDifferences = sharedCounter(
      deps.metrics,
      'isthmus_kubernetes_audit_differences_total',
      'Changes that the audit found in Kubernetes and that no watch had told of.',
      ['source'],
    );
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const publication = new Publication(out, this.#realms);
    const following = this.#realms.map((realm) => this.#follow(realm, publication, out, AbortSignal.any([signal])));
    await Promise.all(following);
  }

  async audit(signal: AbortSignal): Promise<AuditReport> {
    const reports: AuditReport[] = [];
    for (const realm of this.#realms) {
      const live = this.#live.get(realm);
      if (!live) throw new Error(`${realm.scope ?? 'the cluster'} is not connected; it is listed when it is`);
      reports.push(await this.#audit(realm, live, signal));
    }
    return {
      compared: reports.reduce((sum, { compared }) => sum + compared, 0),
      differences: reports.reduce((sum, { differences }) => sum + differences, 0),
      found: reports.flatMap(({ found }) => found).slice(0, 100),
    };
  }

  async records(service: string, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const realm = this.#realms.find(({ published }) => published.has(service));
    if (!realm) return [];
    const live = this.#live.get(realm);
    if (!live) throw new Error(`${realm.scope ?? 'the cluster'} is not connected`);
    const [namespace = '', name = ''] = service.split('/');
    const object = await live.client.get(`/api/v1/namespaces/${namespace}/services/${name}`, {}, signal);
    const slices = await live.client.get(
      `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
      { labelSelector: `kubernetes.io/service-name=${name}`, limit: maxRecords },
      signal,
    );
    const instances = realm.published.get(service)?.instances ?? [];
    const records: SourceRecord[] = [recordOf('Service', object)];
    for (const slice of listOf(slices, 'items')) {
      const id = metaOf(slice)?.name ?? '';
      records.push(recordOf('EndpointSlice', { ...field({ slice }, 'slice'), endpoints: undefined }));
      for (const [index, endpoint] of listOf(slice, 'endpoints').entries()) {
        const address = decodeSlice(slice)?.endpoints[index]?.address;
        const instance = instances.find((candidate) => candidate.address === address)?.id;
        records.push({
          id: `EndpointSlice ${id} ${address ?? index}`,
          ...(instance === undefined ? {} : { instance }),
          revision: metaOf(slice)?.resourceVersion ?? '',
          text: shownRecord(endpoint),
        });
        if (records.length >= maxRecords) return records;
      }
    }
    return records;
  }

  /** One session after another, each with the files as they are then. */
  async #follow(realm: Realm, publication: Publication, out: SourceOutput, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    let attempt = 0;
    let shortSessions = 0;
    for (;;) {
      let listedMs: number | undefined;
      try {
        await this.#runSession(realm, publication, out, signal, () => {
          listedMs ??= clock.now();
          attempt = shortSessions;
        });
      } catch (error) {
        signal.throwIfAborted();
        publication.degraded(realm, error instanceof Error ? error : new Error(String(error)));
      } finally {
        this.#live.delete(realm);
      }
      if (listedMs !== undefined) {
        const isSteady = clock.now() - listedMs >= steadyMs;
        if (isSteady) attempt = 0;
        shortSessions = isSteady ? 0 : shortSessions + 1;
      }
      await clock.sleep(backoffMs(attempt++, retry), signal);
    }
  }

  async #runSession(
    realm: Realm,
    publication: Publication,
    out: SourceOutput,
    signal: AbortSignal,
    onListed: () => void,
  ): Promise<void> {
    const { pageSize, watchMs, requestTimeoutMs } = this.#config;
    const { clock } = this.#deps;
    const observer = publication.observerOf(realm);
    const view: RealmView = realm.open({
      ...observer,
      listed: () => {
        onListed();
        observer.listed();
      },
    });
    const follow = (collection: 'services' | 'slices' | 'namespaces'): SessionTask => {
      return async (client, within) => {
        this.#live.set(realm, { client, view, signal: within });
        const options = { client, clock, pageSize, watchMs };
        if (collection === 'services') await listAndWatch(realm.services, view.ofServices, options, within);
        else if (collection === 'slices') await listAndWatch(realm.slices, view.ofSlices, options, within);
        else if (realm.namespaces) await listAndWatch(realm.namespaces, view.ofNamespaces, options, within);
      };
    };
    const tasks = [follow('services'), follow('slices')];
    if (realm.namespaces) tasks.push(follow('namespaces'));
    tasks.push((client, within) => this.#auditNowAndThen(realm, { client, view, signal: within }, out));
    await runSession(tasks, { access: this.#config, requestTimeoutMs, clock }, signal);
  }

  async #auditNowAndThen(realm: Realm, live: LiveSession, out: SourceOutput): Promise<void> {
    const { clock, logger } = this.#deps;
    const { signal } = live;
    for (;;) {
      await clock.sleep(this.#config.auditMs * (0.9 + Math.random() * 0.2), signal);
      if (!live.view.isListed) continue;
      try {
        out.audited(await this.#audit(realm, live, signal));
      } catch (error) {
        signal.throwIfAborted();
        logger.debug({ cause: (error as Error).message, scope: realm.scope }, 'the audit could not read everything');
      }
    }
  }

  /** Ends with the session as well: what another one has listed is newer. */
  async #audit(
    realm: Realm,
    { client, view, signal: session }: LiveSession,
    signal: AbortSignal,
  ): Promise<AuditReport> {
    const scope = realm.scope ?? 'the cluster';
    if (!view.isListed) throw new Error(`${scope} is being listed`);
    const { pageSize } = this.#config;
    const { controller, release } = linkSignal(signal, session);
    try {
      const report = await auditRealm(realm, view, { client, clock: this.#deps.clock, pageSize }, controller.signal);
      if (report.differences > 0) this.#auditDifferences.inc({ source: this.#deps.name }, report.differences);
      return report;
    } catch (error) {
      signal.throwIfAborted();
      if (!session.aborted) throw error;
      const cause: unknown = session.reason;
      throw new Error(`the connection to ${scope} ended during the audit; it is listed anew`, { cause });
    } finally {
      release();
    }
  }
}

function recordOf(kind: string, object: unknown): SourceRecord {
  const meta = metaOf(object);
  const { managedFields: _, ...shown } = field(object, 'metadata');
  return {
    id: `${kind} ${meta?.name ?? ''}`,
    revision: meta?.resourceVersion ?? '',
    text: shownRecord({ ...field({ object }, 'object'), metadata: shown }),
  };
}
