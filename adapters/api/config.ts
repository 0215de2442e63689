import { z } from 'zod';
import { milliseconds } from '../../core/plugin/index.js';

const mebibyte = 1024 * 1024;

const leases = z
  .strictObject({
    expiredForMs: milliseconds(0)
      .default(30_000)
      .describe(
        'How long an instance whose lease has run out stays, as unhealthy, before it is removed, in ms. Default 30000.',
      ),
    maxLossShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.15)
      .describe(
        'Share of the leases that may run out within a minute; more are kept, with a notice, for maxHoldMs. Default 0.15.',
      ),
    maxHoldMs: milliseconds(0)
      .default(600_000)
      .describe('How long leases that have run out in such numbers are kept, in ms. Default 600000.'),
  })
  .prefault({})
  .describe('What happens when leases run out.');

const eureka = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        'Whether clients of Eureka can register, at /eureka and /eureka/v2; of one source alone. Default false.',
      ),
  })
  .prefault({})
  .describe('The interface of a Eureka server.');

export const apiSchema = z.strictObject({
  maxServices: z.int().min(1).max(1_000_000).default(10_000).describe('Services at most. Default 10000.'),
  maxInstances: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100_000)
    .describe('Instances of all services at most. Default 100000.'),
  maxTtlSeconds: z
    .int()
    .min(1)
    .max(31_536_000)
    .default(86_400)
    .describe('Longest time to live that an instance may ask for, in seconds. Default 86400, a day.'),
  forgetEmptyAfterMs: milliseconds(0)
    .default(600_000)
    .describe(
      'How long a service that was never declared stays known after its last instance has gone, in ms. Default 600000.',
    ),
  leases,
  eureka,
  maxFileBytes: z
    .int()
    .min(1024)
    .default(256 * mebibyte)
    .describe('Largest registry file that is read or written, in bytes. Default 268435456 (256 MiB).'),
});

export type ApiConfig = z.output<typeof apiSchema>;
