import pino from 'pino';
import { Registry } from 'prom-client';
import type { z } from 'zod';
import { kubernetesSchema } from '../../../adapters/kubernetes/config.js';
import { KubernetesSource } from '../../../adapters/kubernetes/source.js';
import { type Deps, systemClock } from '../../../core/plugin/index.js';

/** A source as the configuration makes it. */
export function makeSource(config: z.input<typeof kubernetesSchema>, overrides: Partial<Deps> = {}): KubernetesSource {
  return new KubernetesSource(kubernetesSchema.parse(config), {
    ...{ name: 'kubernetes-test', logger: pino({ level: 'silent' }), clock: systemClock, metrics: new Registry() },
    ...overrides,
  });
}
