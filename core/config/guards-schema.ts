import { z } from 'zod';
import { defaultGuards } from '../guard/rules.js';
import { milliseconds } from './fields.js';

const weekMs = 7 * 86_400_000;

function holdMs(value: number) {
  return milliseconds(1000, weekMs)
    .default(value)
    .describe(`How long a change is held at most, in milliseconds. Default ${value}.`);
}

function windowMs(value: number) {
  return milliseconds(1000, 3_600_000)
    .default(value)
    .describe(`What counts as at once, in milliseconds. Default ${value}.`);
}

/** A guard's own keys, or `false`, which switches it off. */
function guard<Rule extends z.ZodObject>(rule: Rule) {
  return z.union([z.literal(false), rule]);
}

const { massLoss, empty, flap, staleness } = defaultGuards;

const rules = {
  massLoss: guard(
    z.strictObject({
      share: z
        .number()
        .min(0)
        .max(1)
        .default(massLoss.share)
        .describe('Share of the serving instances of a source, 0 to 1, that may go at once. Default 0.15.'),
      count: z.int().min(1).max(10_000_000).optional().describe('Instances that may go at once. Default: no number.'),
      minLost: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(massLoss.minLost)
        .describe('Fewer instances than this are never a mass loss. Default 5.'),
      windowMs: windowMs(massLoss.windowMs),
      maxHoldMs: holdMs(massLoss.maxHoldMs),
    }),
  ),
  empty: guard(
    z.strictObject({
      minInstances: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(empty.minInstances)
        .describe('A source, namespace or datacenter with fewer instances may become empty. Default 5.'),
      windowMs: windowMs(empty.windowMs),
      maxHoldMs: holdMs(empty.maxHoldMs),
    }),
  ),
  flap: guard(
    z.strictObject({
      returns: z
        .int()
        .min(2)
        .max(100)
        .default(flap.returns)
        .describe('So many returns at once make an instance flap: it gets no traffic until it is steady. Default 6.'),
      windowMs: windowMs(flap.windowMs),
      quietMs: milliseconds(1000)
        .default(flap.quietMs)
        .describe('How long it has to be steady, in milliseconds. Default 20000.'),
      maxHoldMs: holdMs(flap.maxHoldMs),
    }),
  ),
  staleness: guard(
    z.strictObject({
      maxAgeMs: milliseconds(1000, 30 * 86_400_000)
        .default(staleness.maxAgeMs)
        .describe('What was not read for so long is taken out, in milliseconds. Default 86400000, a day.'),
    }),
  ),
  minimumHealthy: guard(
    z.strictObject({
      share: z
        .number()
        .min(0)
        .max(1)
        .describe(
          "Share of a service's instances, 0 to 1, that are kept serving though they are said to be unhealthy.",
        ),
      maxHoldMs: holdMs(600_000),
    }),
  ),
};

/** The guards of all sources; what is not set has its default. */
export const guardsSchema = z.strictObject({
  massLoss: rules.massLoss.prefault({}).describe('Holds the loss of too large a part of a source at once; false: off.'),
  empty: rules.empty
    .prefault({})
    .describe('Holds the loss of everything in a source, namespace or datacenter; false: off.'),
  flap: rules.flap.prefault({}).describe('Leaves instances that come and go out of traffic; false: off.'),
  staleness: rules.staleness.prefault({}).describe('Takes out what was not read for very long; false: never.'),
  minimumHealthy: rules.minimumHealthy
    .default(false)
    .describe('Keeps a share of a service serving when health checks fail together. Default false.'),
});

/** What one source has otherwise: each guard that is set here takes the place of the general one. */
export const sourceGuardsSchema = z.strictObject({
  massLoss: rules.massLoss.optional().describe('Instead of guards.massLoss.'),
  empty: rules.empty.optional().describe('Instead of guards.empty.'),
  flap: rules.flap.optional().describe('Instead of guards.flap.'),
  staleness: rules.staleness.optional().describe('Instead of guards.staleness.'),
  minimumHealthy: rules.minimumHealthy.optional().describe('Instead of guards.minimumHealthy.'),
});
