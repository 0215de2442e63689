import type { AuditReport, Deps, Source, SourceOutput, SourceRecord } from '../../core/plugin/index.js';
import type { NacosConfig } from './config.js';
import { NacosRun } from './run.js';

/** Reads a Nacos cluster, 2.x or 3.x: a connection for each namespace, a subscription for each service. */
export class NacosSource implements Source {
  readonly #config: NacosConfig;
  readonly #deps: Deps;
  #run: NacosRun | undefined;

  constructor(config: NacosConfig, deps: Deps) {
    this.#config = config;
    this.#deps = deps;
  }

  /** Never rejects: whatever fails is retried in here, with back-off, and reported as degraded meanwhile. */
  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    const run = new NacosRun(this.#config, this.#deps, out, signal);
    this.#run = run;
    try {
      await run.run();
    } finally {
      this.#run = undefined;
    }
  }

  async audit(signal: AbortSignal): Promise<AuditReport> {
    return withSignal(this.#current().audit(), signal);
  }

  async records(service: string, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    return withSignal(this.#current().records(service), signal);
  }

  #current(): NacosRun {
    if (!this.#run) throw new Error('the source does not run');
    return this.#run;
  }
}

/** Ends the wait when `signal` aborts. The requests behind it have deadlines of their own. */
function withSignal<T>(task: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    task.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
