import { tmpdir } from 'node:os';
import { type Logger, pino } from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import type { Catalog } from '../../../core/catalog/catalog.js';
import type { SinkDeps } from '../../../core/plugin/index.js';
import { systemClock } from '../../../core/time/index.js';
import { type KubernetesSink, kubernetesSink } from '../../../sinks/kubernetes/index.js';

export interface RunningKubernetesSink {
  readonly sink: KubernetesSink;
  readonly metrics: Registry;
  /** What it logged at warn or above. */
  readonly warnings: readonly { msg: string; [key: string]: unknown }[];
  /** Writes that the API has taken, since the start. */
  writes(): Promise<number>;
  stop(): Promise<void>;
}

export function runKubernetesSink(
  catalog: Catalog,
  options: z.input<typeof kubernetesSink.schema>,
  overrides: Partial<SinkDeps> = {},
): RunningKubernetesSink {
  const warnings: { msg: string }[] = [];
  const logger: Logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) });
  const metrics = new Registry();
  const config = kubernetesSink.schema.parse({ emptyServices: { keepMs: 0 }, writesPerSecond: 200, ...options });
  const sink = kubernetesSink.create(config, {
    ...{ name: 'kubernetes', site: 'hz-1', logger, metrics, clock: systemClock, dataDir: tmpdir() },
    ...{ http: { add: () => undefined }, isRead: () => true },
    ...overrides,
  });
  const stopping = new AbortController();
  const run = sink.run(catalog, stopping.signal);
  return {
    sink,
    metrics,
    warnings,
    async writes() {
      const { values } = (await metrics.getSingleMetric('isthmus_kubernetes_writes_total')?.get()) ?? { values: [] };
      return values.filter(({ labels }) => labels['result'] === 'ok').reduce((sum, { value }) => sum + value, 0);
    },
    stop: async () => {
      stopping.abort();
      await run;
    },
  };
}
