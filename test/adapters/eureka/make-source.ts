import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import { eurekaSchema } from '../../../adapters/eureka/config.js';
import { EurekaSource } from '../../../adapters/eureka/source.js';
import { type Clock, type Deps, systemClock } from '../../../core/plugin/index.js';

/** Holds a folder a source, until the tests end. */
const dataDir = mkdtempSync(join(tmpdir(), 'isthmus-eureka-'));
process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));

export function makeDeps(clock: Clock = systemClock, logger = pino({ level: 'silent' })): Deps {
  return {
    name: 'eureka-test',
    logger,
    clock,
    dataDir: mkdtempSync(join(dataDir, 'source-')),
    http: { add: () => undefined },
    metrics: new Registry(),
  };
}

/** A source as the configuration makes it, quick unless told otherwise. */
export function makeSource(config: z.input<typeof eurekaSchema>, deps: Deps = makeDeps()): EurekaSource {
  return new EurekaSource(eurekaSchema.parse({ intervalMs: 200, requestTimeoutMs: 5000, ...config }), deps);
}
