import type { z } from 'zod';
import type { GuardRules } from '../guard/rules.js';
import type { guardsSchema, sourceGuardsSchema } from './guards-schema.js';

export type GuardsConfig = z.output<typeof guardsSchema>;
export type SourceGuardsConfig = z.output<typeof sourceGuardsSchema>;

/** The guards of one source: its own where it has them, else the general ones. */
export function guardRulesOf(general: GuardsConfig, own: SourceGuardsConfig = {}): GuardRules {
  const { massLoss, empty, flap, staleness, minimumHealthy } = { ...general, ...withoutUndefined(own) };
  return {
    massLoss: massLoss || undefined,
    empty: empty || undefined,
    flap: flap || undefined,
    staleness: staleness || undefined,
    minimumHealthy: minimumHealthy || undefined,
  };
}

function withoutUndefined(own: SourceGuardsConfig): Partial<GuardsConfig> {
  return Object.fromEntries(Object.entries(own).filter(([, rule]) => rule !== undefined));
}
