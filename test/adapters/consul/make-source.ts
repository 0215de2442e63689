import pino from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import { consulSchema } from '../../../adapters/consul/config.js';
import { ConsulSource } from '../../../adapters/consul/source.js';
import { type Deps, systemClock } from '../../../core/plugin/index.js';

export function makeDeps(overrides: Partial<Deps> = {}): Deps {
  return {
    name: 'consul-test',
    logger: pino({ level: 'silent' }),
    clock: systemClock,
    dataDir: '/nonexistent',
    http: { add: () => undefined },
    metrics: new Registry(),
    ...overrides,
  };
}

/** A source as the configuration makes it. */
export function makeSource(config: z.input<typeof consulSchema>, deps: Deps = makeDeps()): ConsulSource {
  return new ConsulSource(consulSchema.parse(config), deps);
}
