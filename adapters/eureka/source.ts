import { backoffMs, type Deps, printable, type Source, type SourceOutput } from '../../core/plugin/index.js';
import { convertApplication } from './applications.js';
import { isServiceName } from './build-service.js';
import type { EurekaConfig } from './config.js';
import { KnownApplications } from './known-applications.js';
import { type EurekaMetrics, eurekaMetrics } from './metrics.js';
import { Reconciliation } from './reconciliation.js';
import { type ApplicationRecords, RegistryView } from './registry-view.js';
import { EurekaServer, readTlsFiles, StatusError } from './server.js';
import { ServerGroup, UnavailableError } from './server-group.js';
import { Sharing } from './sharing.js';

/** Why everything is listed again rather than what has changed. */
type ListingReason = 'start' | 'failover' | 'gap' | 'mismatch' | 'audit' | 'no-deltas';

/** Scopes of `degraded`. */
const missingScope = 'missing instances';
const hashScope = 'reconciliation';

/** A server remembers its deltas for three minutes unless told otherwise; stay well within. */
const maxGapMs = 60_000;
/** Without deltas every poll is a full listing, and correspondingly rare. */
const pollsPerListing = 6;
const noDeltaStatuses: ReadonlySet<number> = new Set([403, 404, 405, 501]);

/**
 * Reads a Eureka registry:
 * - at first everything (`/apps`), and on top of it what changed lately (`/apps/delta`): the answers come from two
 *   caches of the server, and the delta covers what an older listing lacks;
 * - then each `intervalMs` the delta; its hash tells whether the result is what the server has, and if not, everything again;
 * - everything again too from another server, after a gap, and from time to time as an audit.
 */
export class EurekaSource implements Source {
  readonly #config: EurekaConfig;
  readonly #deps: Deps;
  readonly #metrics: EurekaMetrics;
  readonly #known: KnownApplications;
  readonly #reconciliation: Reconciliation;
  #view = new RegistryView();
  #sharing = new Sharing();
  /** The server that the view is of; undefined until a run has listed. */
  #server: EurekaServer | undefined;
  #hasDeltas = true;
  #lastAnswerMs = 0;
  #nextAuditMs = 0;
  #isDegraded = false;

  constructor(config: EurekaConfig, deps: Deps) {
    this.#config = config;
    this.#deps = deps;
    this.#metrics = eurekaMetrics(deps.metrics, deps.name);
    this.#known = new KnownApplications(config);
    this.#reconciliation = new Reconciliation({ baseMs: 2 * config.intervalMs, maxMs: 300_000 });
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const tls = await readTlsFiles(this.#config.tls);
    const group = new ServerGroup(this.#config.servers.map((url) => new EurekaServer(url, this.#config, tls)));
    this.#server = undefined;
    let failures = 0;
    try {
      while (!signal.aborted) {
        const error = await this.#tryPoll(group, out, signal);
        failures = error ? failures + 1 : 0;
        const waitMs = error
          ? backoffMs(failures - 1, { baseMs: Math.min(1000, this.#config.intervalMs), maxMs: 30_000 })
          : this.#pauseMs();
        await clock.sleep(waitMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await group.close();
    }
  }

  /** @returns why no server could be read; what is published stays then */
  async #tryPoll(group: ServerGroup, out: SourceOutput, signal: AbortSignal): Promise<Error | undefined> {
    try {
      await group.attempt((server) => this.#poll(server, out, signal), signal);
      return undefined;
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      this.#isDegraded = true;
      out.degraded(error);
      return error;
    }
  }

  async #poll(server: EurekaServer, out: SourceOutput, signal: AbortSignal): Promise<void> {
    const reason = this.#listingReason(server);
    if (reason) await this.#list(server, reason, out, signal);
    else await this.#follow(server, out, signal);
    this.#lastAnswerMs = this.#deps.clock.now();
    const { upserts, removes } = this.#known.expire(this.#view, this.#lastAnswerMs);
    for (const service of upserts) out.upsert(service);
    for (const name of removes) out.remove(name);
    if (upserts.length > 0 && this.#known.missingCount === 0) out.recovered(missingScope);
  }

  #listingReason(server: EurekaServer): ListingReason | undefined {
    const nowMs = this.#deps.clock.now();
    if (!this.#server) return 'start';
    if (this.#server !== server) return 'failover';
    if (nowMs - this.#lastAnswerMs > maxGapMs + this.#pauseMs()) return 'gap';
    if (!this.#hasDeltas) return 'no-deltas';
    if (nowMs >= this.#nextAuditMs) return 'audit';
    return undefined;
  }

  /** Reads everything and publishes it as the complete state. */
  async #list(server: EurekaServer, reason: ListingReason, out: SourceOutput, signal: AbortSignal): Promise<void> {
    const sharing = new Sharing();
    const view = new RegistryView(this.#view);
    const listing = await this.#read(server, 'apps', (application) => view.add(application), sharing, signal);
    const recent: ApplicationRecords[] = [];
    const delta = await this.#readRecent(server, recent, sharing, signal);
    for (const application of recent) view.apply(application);
    const deletions = deletionsOf(recent);
    const nowMs = this.#deps.clock.now();
    const before = this.#view;
    this.#known.list(view, before, (name, id) => deletions.get(name)?.has(id) === true, nowMs);
    this.#tellOfListing(server, reason, view, (delta ?? listing).hash);
    view.detach();
    this.#view = view;
    this.#sharing = sharing;
    this.#server = server;
    this.#hasDeltas = delta !== undefined;
    // No delta will come whose hash could tell.
    if (!delta && listing.hash === view.hash()) this.#reconciliation.matched();
    this.#nextAuditMs = nowMs + this.#config.fullIntervalMs * (0.9 + Math.random() * 0.2);
    this.#isDegraded = false;
    out.replaceAll(this.#known.services());
    this.#tellOfMissing(out);
    if (this.#reconciliation.isStuck) out.degraded(this.#reconciliation.describe(), hashScope);
  }

  /** Reads what has changed and publishes the applications concerned. */
  async #follow(server: EurekaServer, out: SourceOutput, signal: AbortSignal): Promise<void> {
    const recent: ApplicationRecords[] = [];
    const { hash } = await this.#read(server, 'apps/delta', (one) => recent.push(one), this.#sharing, signal);
    const nowMs = this.#deps.clock.now();
    const changed = new Set<string>();
    const missingBefore = this.#known.missingCount;
    for (const application of recent) {
      if (this.#view.apply(application)) changed.add(application.name);
    }
    for (const [name, ids] of deletionsOf(recent)) {
      for (const id of ids) if (this.#known.forgetMissing(name, id)) changed.add(name);
    }
    for (const name of changed) {
      const service = this.#known.update(name, this.#view, nowMs);
      if (service) out.upsert(service);
    }
    if (missingBefore > 0 && this.#known.missingCount === 0) out.recovered(missingScope);
    if (this.#isDegraded) out.recovered();
    this.#isDegraded = false;
    await this.#reconcile(server, hash, out, signal);
  }

  async #reconcile(server: EurekaServer, hash: string, out: SourceOutput, signal: AbortSignal): Promise<void> {
    if (hash === this.#view.hash()) {
      const wasStuck = this.#reconciliation.isStuck;
      this.#reconciliation.matched();
      if (wasStuck && !this.#reconciliation.isStuck) out.recovered(hashScope);
      return;
    }
    this.#metrics.mismatched();
    const nowMs = this.#deps.clock.now();
    const detail = { server: server.url, theirs: printable(hash), ours: printable(this.#view.hash()) };
    if (!this.#reconciliation.mismatched(nowMs)) {
      this.#deps.logger.debug(detail, 'the hash differs still; the next full listing waits');
      return;
    }
    this.#deps.logger.info(detail, 'the hash differs; reading everything again');
    await this.#list(server, 'mismatch', out, signal);
  }

  /** The delta that goes on top of a listing; undefined when the server has none. */
  async #readRecent(server: EurekaServer, recent: ApplicationRecords[], sharing: Sharing, signal: AbortSignal) {
    try {
      return await this.#read(server, 'apps/delta', (one) => recent.push(one), sharing, signal);
    } catch (error) {
      if (error instanceof StatusError && noDeltaStatuses.has(error.status)) return undefined;
      throw error;
    }
  }

  #read(
    server: EurekaServer,
    resource: 'apps' | 'apps/delta',
    onApplication: (application: ApplicationRecords) => void,
    sharing: Sharing,
    signal: AbortSignal,
  ) {
    const take = (value: unknown) => {
      const application = convertApplication(value, this.#config, sharing);
      if (application) onApplication(application);
      if (resource === 'apps' && !(application && isServiceName(application.name))) {
        const name = printable(application?.name ?? '');
        this.#deps.logger.warn({ server: server.url, name }, 'an application was left out: its name is no usable one');
      }
    };
    return server.read(resource, take, signal);
  }

  #tellOfListing(server: EurekaServer, reason: ListingReason, view: RegistryView, hash: string): void {
    const { logger } = this.#deps;
    this.#metrics.listed(reason);
    const differences = reason === 'audit' ? view.differences(this.#view) : 0;
    if (differences > 0) {
      this.#metrics.differed(differences);
      logger.warn(
        { server: server.url, instances: differences },
        'an audit found instances that the deltas had not told of',
      );
    }
    logger.debug({ server: server.url, reason, instances: view.instanceCount }, 'listed everything');
    if (hash !== view.hash()) {
      const detail = { server: server.url, theirs: printable(hash), ours: printable(view.hash()) };
      logger.info(detail, 'a full listing does not match its own hash; taken as it is');
    }
  }

  #tellOfMissing(out: SourceOutput): void {
    const count = this.#known.missingCount;
    if (count === 0) return;
    const { missingGraceMs } = this.#config;
    const message = `${count} instances are missing from the listing, with no deletion reported; they stay for ${missingGraceMs} ms`;
    out.degraded(new Error(message), missingScope);
  }

  #pauseMs(): number {
    const pauseMs = this.#hasDeltas ? this.#config.intervalMs : this.#config.intervalMs * pollsPerListing;
    return Math.round(pauseMs * (1 + Math.random() * 0.1));
  }
}

function deletionsOf(applications: readonly ApplicationRecords[]): ReadonlyMap<string, ReadonlySet<string>> {
  const deletions = new Map<string, Set<string>>();
  for (const { name, records } of applications) {
    for (const { id, deleted } of records) {
      if (!deleted) continue;
      const ids = deletions.get(name) ?? new Set();
      deletions.set(name, ids.add(id));
    }
  }
  return deletions;
}
