import { tmpdir } from 'node:os';
import { type Logger, pino } from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import type { Catalog } from '../../../../core/catalog/catalog.js';
import { systemClock } from '../../../../core/time/index.js';
import { type XdsSink, xdsSink } from '../../../../sinks/xds/index.js';

export interface RunningXds {
  readonly sink: XdsSink;
  /** HOST:PORT */
  readonly address: string;
  readonly metrics: Registry;
  /** What it logged at warn or above. */
  readonly warnings: readonly { msg: string; [key: string]: unknown }[];
  /** Aborts the run and waits until it settles. */
  stop(): Promise<void>;
}

/** Starts an xDS sink on a port of its own and waits until it listens. */
export async function runXds(catalog: Catalog, options: z.input<typeof xdsSink.schema> = {}): Promise<RunningXds> {
  const warnings: { msg: string }[] = [];
  const logger: Logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) });
  const metrics = new Registry();
  const config = xdsSink.schema.parse({ listen: '127.0.0.1:0', ...options });
  const deps = { name: 'xds', logger, clock: systemClock, dataDir: tmpdir(), http: { add: () => {} }, metrics };
  const sink = xdsSink.create(config, deps);
  const stopping = new AbortController();
  const run = sink.run(catalog, stopping.signal);
  const address = await Promise.race([sink.listening, run.then(() => Promise.reject(new Error('it ended')))]);
  return {
    sink,
    address,
    metrics,
    warnings,
    stop: () => {
      stopping.abort();
      return run;
    },
  };
}
