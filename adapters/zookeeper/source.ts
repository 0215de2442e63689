import type { Deps, Source, SourceOutput } from '../../core/plugin/index.js';
import { audit } from './audit.js';
import type { ZookeeperConfig } from './config.js';
import type { ZookeeperConnection } from './connection.js';
import { Follower } from './follower.js';
import { type SourceMetrics, sourceMetrics } from './metrics.js';
import { ProviderTree } from './provider-tree.js';
import { RegistryPaths } from './registry-paths.js';
import { type ConnectionUse, ZookeeperSession } from './session.js';

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
    const { chroot: _, dubbo: __, auth, ...options } = this.#config;
    const session = new ZookeeperSession({ ...options, ...(auth && { auth }) }, { clock: this.#deps.clock });
    const use: ConnectionUse = (connection, connected) => this.#follow(connection, out, connected);
    const onTrouble = (error: Error) => {
      this.#metrics.connectionFailed();
      out.degraded(error);
    };
    await session.run(use, onTrouble, signal);
  }

  async #follow(connection: ZookeeperConnection, out: SourceOutput, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    const { watch, concurrency, auditIntervalMs } = this.#config;
    const shared = { connection, clock, logger, signal, paths: this.#paths, tree: this.#tree };
    const follower = new Follower({ ...shared, out, watch, concurrency });
    await follower.start();
    const onDifference = () => this.#metrics.auditDifference();
    await audit({ ...shared, follower, intervalMs: auditIntervalMs, onDifference });
  }
}
