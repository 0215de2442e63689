import { z } from 'zod';
import { milliseconds } from '../../core/plugin/index.js';

const mebibyte = 1024 * 1024;

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
  maxFileBytes: z
    .int()
    .min(1024)
    .default(256 * mebibyte)
    .describe('Largest registry file that is read or written, in bytes. Default 268435456 (256 MiB).'),
});

export type ApiConfig = z.output<typeof apiSchema>;
