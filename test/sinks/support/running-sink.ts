import { tmpdir } from 'node:os';
import { type Logger, pino } from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import type { Catalog } from '../../../core/catalog/catalog.js';
import type { Deps } from '../../../core/plugin/index.js';
import { systemClock } from '../../../core/time/index.js';
import { type McpSink, mcpSink } from '../../../sinks/mcp/index.js';

export interface RunningSink {
  readonly sink: McpSink;
  /** HOST:PORT */
  readonly address: string;
  readonly metrics: Registry;
  /** What it logged at warn or above. */
  readonly warnings: readonly { msg: string; [key: string]: unknown }[];
  /** Aborts the run and waits until it settles. */
  stop(): Promise<void>;
}

export function sinkDeps(overrides: Partial<Deps> = {}): Deps {
  return {
    name: 'mcp',
    logger: pino({ level: 'silent' }),
    clock: systemClock,
    dataDir: tmpdir(),
    http: { add: () => {} },
    metrics: new Registry(),
    ...overrides,
  };
}

/** Starts an MCP sink on a port of its own and waits until it listens. */
export async function runSink(
  catalog: Catalog,
  options: z.input<typeof mcpSink.schema> = {},
  overrides: Partial<Deps> = {},
): Promise<RunningSink> {
  const warnings: { msg: string }[] = [];
  const logger: Logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) });
  const metrics = new Registry();
  const config = mcpSink.schema.parse({ listen: '127.0.0.1:0', ...options });
  const sink = mcpSink.create(config, sinkDeps({ logger, metrics, ...overrides }));
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
