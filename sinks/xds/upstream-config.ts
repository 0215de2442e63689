import { z } from 'zod';
import { milliseconds } from '../../core/plugin/index.js';

const count = z.int().min(1).max(0xffff_ffff);

const outlierDetection = z.strictObject({
  consecutiveErrors: z
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe(
      'Connections refused, or answers 502, 503 or 504, one after the other, that eject an endpoint. Default 5.',
    ),
  intervalMs: milliseconds(100).default(10_000).describe('Milliseconds between two looks. Default 10000.'),
  baseEjectionMs: milliseconds(100)
    .default(30_000)
    .describe('Milliseconds that an endpoint stays out, times how often it was ejected. Default 30000.'),
  maxEjectionPercent: z
    .int()
    .min(0)
    .max(100)
    .default(50)
    .describe('Share of the endpoints of a service that may be out at a time, percent. Default 50.'),
});

const circuitBreakers = z.strictObject({
  maxConnections: count.default(1024).describe('Connections to one service from one client. Default 1024.'),
  maxPendingRequests: count.default(1024).describe('Requests that wait for a connection. Default 1024.'),
  maxRequests: count.default(1024).describe('Requests to one service at a time. Default 1024.'),
  retryBudgetPercent: z
    .number()
    .min(0)
    .max(100)
    .default(20)
    .describe('Share of the active requests that may be retries, percent; ten may always be. Default 20.'),
});

/** How clients connect to the instances of services: what becomes of it stands in clusters. */
export const upstreamSchema = z.strictObject({
  connectTimeoutMs: milliseconds(1)
    .default(2000)
    .describe('Milliseconds that a connection to an instance may take. Default 2000.'),
  idleTimeoutMs: milliseconds(1000)
    .default(15_000)
    .describe(
      'Milliseconds after which an unused HTTP connection to an instance is closed; keep it below what the instances ' +
        'have themselves. Default 15000.',
    ),
  loadBalancing: z
    .enum(['round-robin', 'least-request'])
    .default('round-robin')
    .describe('How instances are chosen; both heed weights. Default round-robin.'),
  outlierDetection: z
    .union([outlierDetection, z.literal(false)])
    .prefault({})
    .describe('Endpoints that fail are left out for a while; false: never.'),
  circuitBreakers: circuitBreakers.prefault({}).describe('What one service may take up at a time.'),
});

export type UpstreamConfig = z.output<typeof upstreamSchema>;
export type OutlierDetectionConfig = z.output<typeof outlierDetection>;
export type CircuitBreakersConfig = z.output<typeof circuitBreakers>;
