import type { Deps, Source, SourceOutput } from '../../core/plugin/index.js';
import type { NacosConfig } from './config.js';
import { NacosRun } from './run.js';

/** Reads a Nacos cluster, 2.x or 3.x: a connection for each namespace, a subscription for each service. */
export class NacosSource implements Source {
  readonly #config: NacosConfig;
  readonly #deps: Deps;

  constructor(config: NacosConfig, deps: Deps) {
    this.#config = config;
    this.#deps = deps;
  }

  /** Never rejects: whatever fails is retried in here, with back-off, and reported as degraded meanwhile. */
  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    await new NacosRun(this.#config, this.#deps, out, signal).run();
  }
}
