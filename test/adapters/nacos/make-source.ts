import pino from 'pino';
import { Registry } from 'prom-client';
import { nacosAdapter } from '../../../adapters/nacos/index.js';
import { type Deps, type Source, systemClock } from '../../../core/plugin/index.js';

/** A source with intervals and back-offs that are short enough for tests. */
export function makeSource(config: Readonly<Record<string, unknown>>, deps: Partial<Deps> = {}): Source {
  const short = { listIntervalMs: 300, auditIntervalMs: 5000, retryBaseMs: 20, retryMaxMs: 300, settleMs: 300 };
  const parsed = nacosAdapter.schema.parse({ ...short, ...config });
  return nacosAdapter.create(parsed, {
    name: 'nacos-test',
    logger: pino({ level: 'silent' }),
    clock: systemClock,
    dataDir: '/nonexistent',
    http: { add: () => undefined },
    metrics: new Registry(),
    ...deps,
  });
}
