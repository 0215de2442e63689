import type { Deps, Source, SourceOutput } from '../../core/plugin/index.js';
import { audit } from './audit.js';
import type { ZookeeperConfig } from './config.js';
import type { ZookeeperConnection } from './connection.js';
import { Follower, type WatchMode } from './follower.js';
import { type SourceMetrics, sourceMetrics } from './metrics.js';
import { ProviderTree } from './provider-tree.js';
import { RegistryPaths } from './registry-paths.js';
import { type ConnectionUse, ZookeeperSession } from './session.js';
import { hasCode } from './zookeeper-error.js';

/** Reads the providers that Dubbo registers by interface in ZooKeeper, and follows them by watches. */
export class ZookeeperSource implements Source {
  readonly #config: ZookeeperConfig;
  readonly #deps: Deps;
  readonly #paths: RegistryPaths;
  readonly #metrics: SourceMetrics;
  /** Outlives runs and connections: services that were emptied are remembered, and what is known is not decoded again. */
  readonly #tree: ProviderTree;

  constructor(config: ZookeeperConfig, deps: Deps) {
    this.#config = config;
    this.#deps = deps;
    this.#paths = new RegistryPaths(`${config.chroot ?? ''}${config.dubbo.root}`);
    this.#metrics = sourceMetrics(deps.metrics, deps.name);
    this.#tree = new ProviderTree(config.dubbo.servicePorts);
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    const { chroot: _, dubbo: __, auth, tls, ...options } = this.#config;
    const session = new ZookeeperSession(
      { ...options, ...(auth && { auth }), ...(tls && { tls }) },
      { clock: this.#deps.clock },
    );
    let watch: WatchMode = this.#config.watch === 'classic' ? 'classic' : 'recursive';
    const use: ConnectionUse = async (connection, connected) => {
      if (connection.isReadOnly) throw connection.readOnlyError;
      try {
        await this.#follow(connection, watch, out, connected);
      } catch (error) {
        // The server ends the session after an unknown request, so it takes a new connection to go on.
        if (hasCode(error, 'UNIMPLEMENTED') && this.#config.watch === 'auto') {
          this.#deps.logger.info(
            'the server has no recursive watches (before ZooKeeper 3.6); using one for each interface',
          );
          watch = 'classic';
        }
        throw error;
      }
    };
    const onTrouble = (error: Error) => {
      this.#metrics.connectionFailed();
      out.degraded(error);
    };
    await session.run(use, onTrouble, signal);
  }

  async #follow(
    connection: ZookeeperConnection,
    watch: WatchMode,
    out: SourceOutput,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, logger } = this.#deps;
    const { concurrency, auditIntervalMs } = this.#config;
    const shared = { connection, clock, logger, signal, paths: this.#paths, tree: this.#tree };
    const follower = new Follower({ ...shared, out, watch, concurrency });
    await follower.start();
    const onDifference = () => this.#metrics.auditDifference();
    await audit({ ...shared, follower, intervalMs: auditIntervalMs, onDifference });
  }
}
