import type { Counter } from 'prom-client';
import {
  type AuditReport,
  backoffMs,
  type Deps,
  readTls,
  type Source,
  type SourceOutput,
  type SourceRecord,
  sharedCounter,
} from '../../core/plugin/index.js';
import { ConsulClient } from './client.js';
import type { ConsulConfig } from './config.js';
import { ConsulError, toConsulError } from './consul-error.js';
import { DatacenterSession } from './datacenter-session.js';
import { DeclaredConsumers } from './declared-consumers.js';
import { adoptEarlier } from './earlier.js';
import { Publication } from './publication.js';
import { publishedName, type Realm, realmsOf, upstreamName } from './realm.js';
import { recordsOf } from './records.js';
import type { DatacenterOutput } from './service-reader.js';
import { Sharing } from './sharing.js';
import { TaskGroup } from './task-group.js';

type SourceDeps = Pick<Deps, 'name' | 'logger' | 'clock' | 'metrics'>;

interface LiveSession {
  readonly client: ConsulClient;
  readonly session: DatacenterSession;
}

const retry = { baseMs: 250, maxMs: 10_000 };
/** A session that ends sooner after its listing counts as failed: a listing is the most that a registry can be asked. */
const steadyMs = 30_000;
const maxForgetIntervalMs = 10_000;

/** Follows the datacenters of one Consul: each by itself, session after session, published as one source. */
export class ConsulSource implements Source {
  readonly #config: ConsulConfig;
  readonly #deps: SourceDeps;
  readonly #realms: readonly Realm[];
  readonly #auditDifferences: Counter<string>;
  /** Sessions that have listed their realm. */
  readonly #live = new Map<Realm, LiveSession>();

  constructor(config: ConsulConfig, deps: SourceDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#realms = realmsOf(config);
    this.#auditDifferences = sharedCounter(
      deps.metrics,
      'isthmus_consul_audit_differences_total',
      'Changes that the audit found in Consul and that no watch had told of.',
      ['source'],
    );
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    adoptEarlier(this.#realms, out.published().values(), this.#config, this.#deps.clock.now());
    const publication = new Publication(out, this.#realms);
    const consumers = new DeclaredConsumers((service, list) => out.consumers(service, list));
    const group = new TaskGroup(signal);
    for (const realm of this.#realms) {
      const output = this.#output(realm, publication, consumers, out);
      group.start((within) => this.#follow(realm, publication, output, within));
      group.start((within) => this.#auditNowAndThen(realm, out, within));
    }
    group.start((within) => this.#forget(publication, within));
    await group.ended().catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  async audit(signal: AbortSignal): Promise<AuditReport> {
    const sessions = this.#realms.map((realm) => {
      const live = this.#live.get(realm);
      if (live) return live.session;
      throw new ConsulError('unavailable', `${realm.scope ?? 'Consul'} is not connected; it is listed when it is`);
    });
    const reports: AuditReport[] = [];
    for (const session of sessions) reports.push(await this.#audit(session, signal));
    return {
      compared: reports.reduce((sum, { compared }) => sum + compared, 0),
      differences: reports.reduce((sum, { differences }) => sum + differences, 0),
      found: reports.flatMap(({ found }) => found).slice(0, 100),
    };
  }

  async records(service: string, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    for (const realm of this.#realms) {
      for (const [name, published] of realm.published.services) {
        if (published.name !== service) continue;
        const live = this.#live.get(realm);
        if (!live) throw new ConsulError('unavailable', `${realm.scope ?? 'Consul'} is not connected`);
        const path = `/v1/health/service/${encodeURIComponent(name)}`;
        const answer = await live.client.get({ path, of: 'instances' }, signal);
        return recordsOf(answer.parse(), new Set(published.instances.map(({ id }) => id)));
      }
    }
    return [];
  }

  async #audit(session: DatacenterSession, signal: AbortSignal): Promise<AuditReport> {
    const report = await session.audit(signal);
    if (report.differences > 0) this.#auditDifferences.inc({ source: this.#deps.name }, report.differences);
    return report;
  }

  async #auditNowAndThen(realm: Realm, out: SourceOutput, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    for (;;) {
      await clock.sleep(this.#config.auditMs * (0.9 + Math.random() * 0.2), signal);
      const live = this.#live.get(realm);
      if (!live) continue;
      try {
        out.audited(await this.#audit(live.session, signal));
      } catch (error) {
        signal.throwIfAborted();
        // Its session sees the same failure, and reads everything anew after it.
        logger.debug(
          { cause: toConsulError(error).message, scope: realm.scope },
          'the audit could not read everything',
        );
      }
    }
  }

  /** One session after another, each on the next server. */
  async #follow(realm: Realm, publication: Publication, output: DatacenterOutput, signal: AbortSignal): Promise<void> {
    const { servers } = this.#config;
    const { clock } = this.#deps;
    let attempt = 0;
    let shortSessions = 0;
    for (let turn = 0; ; turn++) {
      let listedMs: number | undefined;
      const onListed = () => {
        listedMs = clock.now();
        attempt = shortSessions;
      };
      try {
        await this.#runSession(servers[turn % servers.length] ?? '', realm, output, onListed, signal);
      } catch (error) {
        signal.throwIfAborted();
        publication.degraded(realm, toConsulError(error));
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
    server: string,
    realm: Realm,
    output: DatacenterOutput,
    onListed: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const config = this.#config;
    const { datacenter, namespace, suffix, declared, published } = realm;
    const connections = Math.floor(config.maxConnections / this.#realms.length);
    const { partition, token } = config;
    const tls = await readTls(config.tls, signal);
    const client = await ConsulClient.open(
      { ...config, server, datacenter, namespace, partition, tls, token, connections },
      signal,
    );
    const session: DatacenterSession = new DatacenterSession({
      ...{ client, config, namespace, declared },
      clock: this.#deps.clock,
      sharing: new Sharing(),
      identify: (name) => ({ name, published: publishedName(name, suffix), ...suffix }),
      upstream: (upstream, own) => upstreamName(upstream, own, realm, config),
      previous: published.services,
      output: {
        ...output,
        listed: (services, failed, names) => {
          onListed();
          this.#live.set(realm, { client, session });
          output.listed(services, failed, names);
        },
      },
    });
    try {
      await session.run(signal);
    } finally {
      this.#live.delete(realm);
      await client.close();
    }
  }

  #output(realm: Realm, publication: Publication, consumers: DeclaredConsumers, out: SourceOutput): DatacenterOutput {
    const { clock } = this.#deps;
    const { published, suffix, scope } = realm;
    const scopeOf = (name: string) => `service ${publishedName(name, suffix)}`;
    const origins = `${scope ?? ''}\n`;
    const notices = new Map<string, string | undefined>();
    return {
      listed: (services, failed, names) => {
        const changed = published.replace(services, failed, clock.now());
        const reasons = new Map([...failed].map(([name, reason]) => [scopeOf(name), reason]));
        publication.listed(realm, changed, reasons);
        consumers.retain(origins, (origin) => names.has(origin.slice(origins.length)));
      },
      changed: (name, service) => {
        published.set(name, service, clock.now());
        publication.changed(service);
      },
      failed: (name, reason) => publication.degraded(realm, reason, scopeOf(name)),
      recovered: (name) => publication.recovered(realm, scopeOf(name)),
      consumes: (name, edges) => consumers.set(origins + name, edges),
      notice: (key, text) => {
        if (notices.get(key) === text) return;
        notices.set(key, text);
        out.notice(scope === undefined ? key : `${key} ${scope}`, text);
      },
    };
  }

  async #forget(publication: Publication, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const intervalMs = Math.max(100, Math.min(this.#config.forgetEmptyAfterMs, maxForgetIntervalMs));
    for (;;) {
      await clock.sleep(intervalMs, signal);
      for (const { published } of this.#realms) {
        for (const name of published.forget(clock.now())) publication.removed(name);
      }
    }
  }
}
