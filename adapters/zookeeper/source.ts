import {
  type AuditReport,
  backoffMs,
  type Deps,
  linkSignal,
  type Source,
  type SourceOutput,
  type SourceRecord,
} from '../../core/plugin/index.js';
import { MetadataKeeper } from '../dubbo/metadata-service/metadata-keeper.js';
import { audit } from './audit.js';
import type { ZookeeperConfig } from './config.js';
import type { ZookeeperConnection } from './connection.js';
import { Follower, type WatchMode } from './follower.js';
import { type SourceMetrics, sourceMetrics } from './metrics.js';
import { Places } from './places.js';
import { BatchSupport } from './read-batcher.js';
import { RecordReader } from './records.js';
import { RegistryState } from './registry-state.js';
import { type ConnectionUse, ZookeeperSession } from './session.js';
import { hasCode } from './zookeeper-error.js';

/** Few at a time: a scheduled audit is never urgent. */
const scheduledConcurrency = 4;
const demandedConcurrency = 64;
/** How long a server without a quorum is kept to before others are tried. */
const readOnlyHold = { baseMs: 5000, maxMs: 5000 } as const;

/**
 * How long metadata that cannot be had keep a listing from being complete where nothing is known of before. It is longer
 * than sinks usually wait (`graceMs`), for what they serve first takes away what readers knew of old.
 */
const coldWaitMs = 300_000;

/** What one connection is used for. */
interface Use {
  readonly connection: ZookeeperConnection;
  readonly follower: Follower;
  readonly signal: AbortSignal;
}

/** Reads what Dubbo registers in ZooKeeper, by interface and by application, and follows it by watches. */
export class ZookeeperSource implements Source {
  readonly #config: ZookeeperConfig;
  readonly #deps: Deps;
  readonly #places: Places;
  readonly #metrics: SourceMetrics;
  /** Outlives runs and connections: services that were emptied are remembered, and what is known is not decoded again. */
  readonly #state: RegistryState;
  #use: Use | undefined;
  readonly #batches = new BatchSupport();
  #coldUntilMs: number | undefined;
  #toldReadOnly = false;

  constructor(config: ZookeeperConfig, deps: Deps) {
    const { chroot = '', dubbo } = config;
    const roots = dubbo.roots ?? [dubbo.root ?? '/dubbo'];
    this.#config = config;
    this.#deps = deps;
    this.#state = new RegistryState(roots, dubbo);
    this.#places = new Places({
      chroot,
      roots,
      servicesRoot: dubbo.discovery === 'interface' ? undefined : dubbo.servicesRoot,
      configRoot: dubbo.rules ? dubbo.configRoot : undefined,
      withMappings: this.#state.mapping !== undefined,
    });
    this.#metrics = sourceMetrics(deps.metrics, deps.name);
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    const { chroot: _, dubbo: __, auth, tls, ...options } = this.#config;
    const session = new ZookeeperSession(
      { ...options, ...(auth && { auth }), ...(tls && { tls }) },
      { clock: this.#deps.clock },
    );
    const keeper = this.#keeper(signal);
    const earlier = out.published();
    this.#state.adoptEarlier(earlier);
    this.#coldUntilMs ??= earlier.size > 0 ? 0 : this.#deps.clock.now() + coldWaitMs;
    let watch: WatchMode = this.#config.watch === 'classic' ? 'classic' : 'recursive';
    const use: ConnectionUse = async (connection, connected) => {
      try {
        if (connection.isReadOnly) await this.#readStale(connection, keeper, out, connected);
        else await this.#follow(connection, keeper, watch, out, connected);
      } catch (error) {
        // The server ends the session after an unknown request, so it takes a new connection to go on.
        if (hasCode(error, 'UNIMPLEMENTED') && this.#config.watch === 'auto') {
          this.#deps.logger.info('the server has no recursive watches (before ZooKeeper 3.6); using one for each node');
          watch = 'classic';
        }
        throw error;
      } finally {
        this.#use = undefined;
      }
    };
    const onTrouble = (error: Error) => {
      this.#metrics.connectionFailed();
      out.degraded(error);
    };
    await session.run(use, onTrouble, signal);
  }

  /** Compares every node that was read with what it is now. @throws Error when not connected, or not all can be asked for */
  async audit(signal: AbortSignal): Promise<AuditReport> {
    const use = this.#connected();
    if (use.connection.isReadOnly) throw use.connection.readOnlyError;
    if (!use.follower.isListed) throw new Error('everything is being listed anew');
    const { controller, release } = linkSignal(signal, use.signal);
    try {
      return await audit(this.#auditOptions(use.follower, demandedConcurrency, controller.signal));
    } finally {
      release();
    }
  }

  /** The znodes behind a service. @throws Error when not connected, or they can't be read */
  async records(service: string, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const { connection, signal: connected } = this.#connected();
    const { controller, release } = linkSignal(signal, connected);
    try {
      return await new RecordReader(connection, this.#places, this.#state).read(service, controller.signal);
    } finally {
      release();
    }
  }

  async #follow(
    connection: ZookeeperConnection,
    keeper: MetadataKeeper | undefined,
    watch: WatchMode,
    out: SourceOutput,
    signal: AbortSignal,
  ): Promise<never> {
    const follower = this.#makeFollower(connection, keeper, watch, out, signal);
    this.#use = { connection, follower, signal };
    if (this.#toldReadOnly) out.notice('read-only', undefined);
    this.#toldReadOnly = false;
    await follower.start();
    const { auditIntervalMs } = this.#config;
    for (;;) {
      // The longest that a timer can wait, where there is no audit.
      const waitMs = auditIntervalMs === 0 ? 2 ** 31 - 1 : Math.round(auditIntervalMs * (0.5 + Math.random()));
      await this.#deps.clock.sleep(waitMs, signal);
      if (auditIntervalMs > 0) out.audited(await audit(this.#auditOptions(follower, scheduledConcurrency, signal)));
    }
  }

  /** From a server without a quorum: what it knows is better than nothing, and no reason to take anything away. */
  async #readStale(
    connection: ZookeeperConnection,
    keeper: MetadataKeeper | undefined,
    out: SourceOutput,
    signal: AbortSignal,
  ): Promise<never> {
    out.degraded(connection.readOnlyError);
    const text = `${connection.readOnlyError.message}; what it knows may be old, and nothing is taken away because of it`;
    out.notice('read-only', text);
    this.#toldReadOnly = true;
    const follower = this.#makeFollower(connection, keeper, 'recursive', out, signal);
    this.#use = { connection, follower, signal };
    if (!this.#state.wasListed) await follower.readStale();
    await this.#deps.clock.sleep(backoffMs(0, readOnlyHold), signal);
    throw connection.readOnlyError;
  }

  #makeFollower(
    connection: ZookeeperConnection,
    keeper: MetadataKeeper | undefined,
    watch: WatchMode,
    out: SourceOutput,
    signal: AbortSignal,
  ): Follower {
    const { clock, logger } = this.#deps;
    const { concurrency, dubbo } = this.#config;
    const { rules, consumers, discovery } = dubbo;
    const reads = { interfaces: discovery !== 'application', rules, consumers };
    const shared = { connection, clock, logger, signal, places: this.#places, state: this.#state };
    const coldUntilMs = this.#coldUntilMs ?? 0;
    const batches = this.#batches;
    return new Follower({ ...shared, coldUntilMs, out, watch, concurrency, batches, keeper, reads });
  }

  #keeper(signal: AbortSignal): MetadataKeeper | undefined {
    const { discovery, metadata } = this.#config.dubbo;
    if (discovery === 'interface') return undefined;
    return new MetadataKeeper({
      ...metadata,
      readReport: (application, revision) => this.#readReport(application, revision),
      onArrival: (application) => this.#use?.follower.metadataArrived(application),
      onFailure: (application, _revision, error) => this.#use?.follower.metadataFailed(application, error),
      clock: this.#deps.clock,
      signal,
    });
  }

  async #readReport(application: string, revision: string): Promise<string | undefined> {
    const { connection } = this.#connected();
    for (const path of this.#places.reports(application, revision)) {
      const found = await connection.findData(path, false);
      if (found) return found.data.toString('utf8');
    }
    return undefined;
  }

  #connected(): Use {
    if (this.#use === undefined) throw new Error('not connected to ZooKeeper');
    return this.#use;
  }

  #auditOptions(follower: Follower, concurrency: number, signal: AbortSignal) {
    const onDifference = () => this.#metrics.auditDifference();
    return { follower, places: this.#places, state: this.#state, concurrency, onDifference, signal };
  }
}
