import pLimit from 'p-limit';
import {
  type AuditReport,
  backoffMs,
  type Deps,
  linkSignal,
  printable,
  type Source,
  type SourceOutput,
  type SourceRecord,
} from '../../core/plugin/index.js';
import { isSameAnswer, type ListingHeader } from './application-splitter.js';
import type { EurekaConfig } from './config.js';
import { DeltaConfirmation } from './delta-confirmation.js';
import { LeaseCensus } from './lease-census.js';
import { ListingReader } from './listing-reader.js';
import { type EurekaMetrics, eurekaMetrics } from './metrics.js';
import { PublishedRegistry } from './published-registry.js';
import { rawRecords } from './raw-records.js';
import { Reconciliation } from './reconciliation.js';
import type { ApplicationRecords } from './registry-view.js';
import { SelfPreservation } from './self-preservation.js';
import { EurekaServer } from './server.js';
import { ServerGroup, UnavailableError } from './server-group.js';
import { withoutStaleAdditions } from './stale-additions.js';
import { StoredTombstones } from './stored-tombstones.js';
import { UnusableNames } from './unusable-names.js';

/** Why everything is listed again rather than what has changed. */
type ListingReason = 'start' | 'failover' | 'gap' | 'mismatch' | 'audit' | 'no-deltas';

/** Scopes of `degraded`, and keys of `notice`. */
const missingScope = 'missing instances';
const hashScope = 'reconciliation';
const lagKey = 'lagging server';
const unnamedKey = 'no vip address';
const unusableKey = 'unusable names';
const fileKey = 'tombstones file';

/** A server remembers its deltas for three minutes unless told otherwise; stay well within. */
const maxGapMs = 60_000;
/** Without deltas every poll is a full listing, and correspondingly rare. */
const pollsPerListing = 6;
/** While a server lists what is known to be gone, it is asked again this often whether it has caught up. */
const lagListingMs = 60_000;

const nothingCompared: AuditReport = { compared: 0, differences: 0, found: [] };

/** What a run has at hand. */
interface Run {
  readonly group: ServerGroup;
  readonly out: SourceOutput;
  readonly signal: AbortSignal;
}

/**
 * Reads a Eureka registry:
 * - at first everything (`/apps`), and on top of it what changed lately (`/apps/delta`): the answers come from two
 *   caches of the server, and the delta covers what an older listing lacks;
 * - then each `intervalMs` the delta; its hash tells whether the result is what the server has, and if not, everything again;
 * - a delta that comes again is compared once with another form of it, for the server may have missed a change in it;
 * - everything again too from another server, after a gap, and from time to time as an audit.
 */
export class EurekaSource implements Source {
  readonly #config: EurekaConfig;
  readonly #deps: Deps;
  readonly #metrics: EurekaMetrics;
  readonly #registry: PublishedRegistry;
  readonly #gone: StoredTombstones;
  readonly #reconciliation: Reconciliation;
  readonly #confirmation = new DeltaConfirmation();
  readonly #reader: ListingReader;
  /** One reading at a time: a poll, or an audit that was asked for. */
  readonly #turn = pLimit(1);
  #run: Run | undefined;
  /** The server that is published; undefined until a run has listed. */
  #server: EurekaServer | undefined;
  #hasDeltas = true;
  /** A delta that is older than the last listing, which the server goes on to give until something else changes. */
  #overtaken: ListingHeader | undefined;
  #lastAnswerMs = 0;
  #nextAuditMs = 0;
  #isDegraded = false;
  readonly #notices = new Map<string, string>();

  constructor(config: EurekaConfig, deps: Deps) {
    this.#config = config;
    this.#deps = deps;
    this.#reader = new ListingReader(config, deps.logger);
    this.#gone = new StoredTombstones(deps);
    this.#metrics = eurekaMetrics(deps.metrics, deps.name);
    this.#registry = new PublishedRegistry(config, this.#gone.tombstones);
    this.#reconciliation = new Reconciliation({ baseMs: 2 * config.intervalMs, maxMs: 300_000 });
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    const group = new ServerGroup(this.#config.servers.map((url) => new EurekaServer(url, this.#config)));
    const run = { group, out, signal };
    const selfPreservation = new SelfPreservation(this.#config, this.#deps, out);
    this.#server = undefined;
    let failures = 0;
    let writing: Promise<void> | undefined;
    const ended = new AbortController();
    try {
      this.#run = run;
      await this.#gone.load(signal);
      writing = this.#gone.write(ended.signal);
      while (!signal.aborted) {
        const error = await this.#turn(() => this.#tryPoll(run, selfPreservation));
        failures = error ? failures + 1 : 0;
        const waitMs = error
          ? backoffMs(failures - 1, { baseMs: Math.min(1000, this.#config.intervalMs), maxMs: 30_000 })
          : this.#pauseMs();
        await this.#deps.clock.sleep(waitMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#run = undefined;
      ended.abort();
      await Promise.all([group.close(), writing]);
      await selfPreservation.settled();
    }
  }

  /** Lists everything now and publishes what differs. @throws UnavailableError, the signal's reason */
  async audit(signal: AbortSignal): Promise<AuditReport> {
    return this.#withRun(signal, (run) =>
      this.#turn(() => run.group.attempt((server) => this.#list(server, 'audit', run), run.signal)),
    );
  }

  /** The instances of an application, or behind a VIP address, as the server has them now. */
  async records(service: string, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const byVip = this.#config.serviceName === 'vip';
    const idOf = (application: string, id: string) => (byVip ? `${application}/${id}` : id);
    const applications = await this.#withRun(signal, (run) =>
      run.group.attempt(async (server) => {
        if (!byVip) return server.find('apps', service, run.signal);
        return [
          ...(await server.find('vips', service, run.signal)),
          ...(await server.find('svips', service, run.signal)),
        ];
      }, run.signal),
    );
    const records = new Map<string, SourceRecord>();
    for (const application of applications) {
      for (const record of rawRecords(application, idOf)) records.set(record.id, record);
    }
    return [...records.values()].slice(0, 1000);
  }

  /** @param task what `signal` ends as well as the run does */
  async #withRun<T>(signal: AbortSignal, task: (run: Run) => Promise<T>): Promise<T> {
    if (!this.#run) throw new Error('the source does not run');
    const { controller, release } = linkSignal(signal, this.#run.signal);
    try {
      return await task({ ...this.#run, signal: controller.signal });
    } finally {
      release();
    }
  }

  /** @returns why no server could be read; what is published stays then */
  async #tryPoll(run: Run, selfPreservation: SelfPreservation): Promise<Error | undefined> {
    // The servers are in order of preference: with everything listed anew, it costs nothing to go back to the first.
    const isAudit = this.#server !== undefined && this.#deps.clock.now() >= this.#nextAuditMs;
    try {
      await run.group.attempt((server) => this.#poll(server, run, selfPreservation), run.signal, isAudit);
      return undefined;
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      this.#registry.beginReading();
      this.#isDegraded = true;
      run.out.degraded(error);
      return error;
    }
  }

  async #poll(server: EurekaServer, run: Run, selfPreservation: SelfPreservation): Promise<void> {
    const reason = this.#listingReason(server);
    const census = new LeaseCensus();
    if (reason) {
      const report = await this.#list(server, reason, run, census);
      if (reason === 'audit') run.out.audited(report);
    } else await this.#follow(server, run, census);
    this.#lastAnswerMs = this.#deps.clock.now();
    this.#expire(run.out);
    selfPreservation.look(server, census, run.signal);
  }

  #expire(out: SourceOutput): void {
    const heldBefore = this.#registry.heldCount;
    const { upserts, removes } = this.#registry.expire(this.#lastAnswerMs);
    for (const service of upserts) out.upsert(service);
    for (const name of removes) out.remove(name);
    if (heldBefore > 0 && this.#registry.heldCount === 0) out.recovered(missingScope);
    this.#tellOfKeptAway(out);
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

  /**
   * Reads everything and publishes it as the complete state.
   * @param ends of instances, told besides; they count where the listing lacks the instance as well
   * @returns what an audit found
   */
  async #list(
    server: EurekaServer,
    reason: ListingReason,
    run: Run,
    census = new LeaseCensus(),
    ends: readonly ApplicationRecords[] = [],
  ): Promise<AuditReport> {
    const { out, signal } = run;
    const registry = this.#registry;
    if (this.#server !== server || reason === 'gap') registry.beginReading();
    const listing = registry.beginListing();
    const take = (application: ApplicationRecords) => registry.add(listing, application);
    const unusable = new UnusableNames();
    const header = await this.#reader.read(server, 'apps', take, {
      sharing: listing.sharing,
      signal,
      census,
      unusable,
    });
    const told: ApplicationRecords[] = [];
    const delta = await this.#reader.readRecent(server, told, { sharing: listing.sharing, signal });
    // Of remote regions, servers do not always know single instances.
    const isAsked = this.#config.regions.length === 0;
    const ended = ends.map((application) => listing.view.without(application));
    const believed = isAsked ? await withoutStaleAdditions(server, listing.view, told, signal) : told;
    const recent = [...believed, ...ended];
    for (const application of recent) listing.view.apply(application);
    const nowMs = this.#deps.clock.now();
    // What the delta tells is no difference: the next poll would have told it as well.
    if (reason === 'audit' && this.#server === server) {
      for (const service of registry.apply(recent, nowMs)) out.upsert(service);
    }
    const pause = () => giveWay(signal);
    const report = reason === 'audit' ? await registry.compare(listing, pause) : nothingCompared;
    const ours = listing.view.hash();
    this.#overtaken = delta && delta.hash !== ours && header.hash === ours ? delta : undefined;
    this.#tellOfListing(server, reason, report, delta ?? header, ours);
    await registry.takeOver(listing, recent, nowMs, pause);
    this.#server = server;
    this.#hasDeltas = delta !== undefined;
    // No delta will come whose hash could tell.
    if (!delta && header.hash === registry.hash()) this.#reconciliation.matched();
    this.#nextAuditMs = nowMs + this.#auditIntervalMs() * (0.9 + Math.random() * 0.2);
    this.#isDegraded = false;
    out.replaceAll(registry.services());
    this.#notice(out, unusableKey, unusable.describe());
    this.#tellOfHeld(out);
    this.#tellOfKeptAway(out);
    if (this.#reconciliation.isStuck) out.degraded(this.#reconciliation.describe(), hashScope);
    return report;
  }

  /** Reads what has changed and publishes the services concerned. */
  async #follow(server: EurekaServer, run: Run, census: LeaseCensus): Promise<void> {
    const { out, signal } = run;
    const recent: ApplicationRecords[] = [];
    const reading = { sharing: this.#registry.sharing, signal };
    const header = await this.#reader.read(server, 'apps/delta', (one) => recent.push(one), reading);
    const heldBefore = this.#registry.heldCount;
    const isOvertaken = isSameAnswer(header, this.#overtaken);
    if (!isOvertaken) {
      for (const service of this.#registry.apply(recent, this.#deps.clock.now())) out.upsert(service);
    }
    if (heldBefore > 0 && this.#registry.heldCount === 0) out.recovered(missingScope);
    if (this.#isDegraded) out.recovered();
    this.#isDegraded = false;
    if (!isOvertaken) await this.#reconcile(server, header, run, census);
  }

  async #reconcile(server: EurekaServer, header: ListingHeader, run: Run, census: LeaseCensus): Promise<void> {
    const { clock, logger } = this.#deps;
    const { hash } = header;
    const ours = this.#registry.hash();
    this.#overtaken = undefined;
    const read = () => this.#reader.readOther(server, run.signal);
    const other =
      hash === ours ? await this.#confirmation.contradiction(header, this.#registry, clock.now(), read) : undefined;
    if (hash === ours && !other) {
      const wasStuck = this.#reconciliation.isStuck;
      this.#reconciliation.matched();
      if (wasStuck && !this.#reconciliation.isStuck) run.out.recovered(hashScope);
      return;
    }
    this.#metrics.mismatched();
    const detail = { server: server.url, theirs: printable(other?.hash ?? hash), ours: printable(ours) };
    const what = other ? 'the delta lacks a change' : 'the hash differs';
    if (!this.#reconciliation.mismatched(clock.now())) {
      logger.debug(detail, `${what} still; the next full listing waits`);
      return;
    }
    logger.info(detail, `${what}; reading everything again`);
    await this.#list(server, 'mismatch', run, census, other && this.#registry.missedEnds(other.recent));
    if (other) this.#confirmation.listed(header, other, this.#registry, clock.now());
  }

  #tellOfListing(
    server: EurekaServer,
    reason: ListingReason,
    report: AuditReport,
    { hash }: { readonly hash: string },
    ours: string,
  ): void {
    const { logger } = this.#deps;
    this.#metrics.listed(reason);
    if (reason === 'audit') this.#metrics.differed(report.differences);
    logger.debug({ server: server.url, reason }, 'listed everything');
    if (hash === ours) return;
    const detail = { server: server.url, theirs: printable(hash), ours: printable(ours) };
    if (this.#overtaken) logger.info(detail, 'the server has a delta that is older than its listing, which counts');
    else logger.info(detail, 'a full listing does not match its own hash; taken as it is');
  }

  #tellOfHeld(out: SourceOutput): void {
    const count = this.#registry.heldCount;
    if (count === 0) return;
    const { missingGraceMs } = this.#config;
    const message = `${count} instances are missing from the listing, with no deletion reported, or older in it than known; they stay as they were for ${missingGraceMs} ms`;
    out.degraded(new Error(message), missingScope);
  }

  #tellOfKeptAway(out: SourceOutput): void {
    const { keptAwayCount, unnamedCount } = this.#registry;
    const lag = `${this.#server?.url} lists ${keptAwayCount} instances that were reported gone; they are left out`;
    const unnamed = `${unnamedCount} instances have no VIP address for a port of theirs; they are left out`;
    this.#notice(out, lagKey, keptAwayCount === 0 ? undefined : lag);
    this.#notice(out, unnamedKey, unnamedCount === 0 ? undefined : unnamed);
    const trouble = this.#gone.trouble;
    const unkept = trouble && `what was told gone cannot be written and would be forgotten by a restart: ${trouble}`;
    this.#notice(out, fileKey, unkept);
    this.#metrics.keeps(trouble === undefined);
  }

  /** Tells what is news. */
  #notice(out: SourceOutput, key: string, text: string | undefined): void {
    if (this.#notices.get(key) === text) return;
    if (text === undefined) this.#notices.delete(key);
    else this.#notices.set(key, text);
    out.notice(key, text);
  }

  #auditIntervalMs(): number {
    const { fullIntervalMs } = this.#config;
    return this.#registry.keptAwayCount === 0 ? fullIntervalMs : Math.min(fullIntervalMs, lagListingMs);
  }

  #pauseMs(): number {
    const pauseMs = this.#hasDeltas ? this.#config.intervalMs : this.#config.intervalMs * pollsPerListing;
    return Math.round(pauseMs * (1 + Math.random() * 0.1));
  }
}

/** Lets other work go first. @throws the signal's reason */
async function giveWay(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
