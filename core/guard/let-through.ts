import { type Instance, isServing, type Service } from '../model/index.js';
import type { Damped } from './flap-memory.js';
import type { HeldInstance } from './hold.js';

export interface Withheld {
  /** Instances whose loss is not let through, by id. */
  readonly held: ReadonlyMap<string, HeldInstance> | undefined;
  /** Instances that flap, by id. */
  readonly damped: ReadonlyMap<string, Damped> | undefined;
  /** Whether the service was not read for too long. */
  readonly isOutdated: boolean;
}

/**
 * What is let through of a service. Pure.
 * @param reported as the source says; undefined: it is gone
 * @param accepted as it was let through last
 */
export function letThroughWith(
  reported: Service | undefined,
  accepted: Service | undefined,
  { held, damped, isOutdated }: Withheld,
): Service | undefined {
  if (isOutdated) {
    const service = reported ?? accepted;
    return service && { ...service, instances: [] };
  }
  const isHeld = held !== undefined && held.size > 0;
  if (!isHeld && damped === undefined) return reported;
  const base = reported ?? (isHeld && accepted ? { ...accepted, instances: [] } : undefined);
  if (base === undefined) return undefined;
  const instances = base.instances.map((instance) => asHeld(instance, held?.get(instance.id)));
  const present = new Set(instances.map(({ id }) => id));
  for (const [id, { instance }] of held ?? []) if (!present.has(id)) instances.push(instance);
  instances.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { ...base, instances: withoutFlapping(instances, damped) };
}

/** The newest record, with the health and the weight that it is held at. */
function asHeld(instance: Instance, held: HeldInstance | undefined): Instance {
  if (held === undefined || isServing(instance)) return instance;
  const { health, weight } = held.instance;
  return { ...instance, health, weight };
}

/** Those that flap take no traffic, unless nothing else would. */
function withoutFlapping(instances: readonly Instance[], damped: Withheld['damped']): readonly Instance[] {
  if (damped === undefined) return instances;
  const steady = instances.some((instance) => isServing(instance) && !damped.has(instance.id));
  if (!steady) return instances;
  return instances.map((instance) =>
    damped.has(instance.id) && isServing(instance) ? { ...instance, health: 'unhealthy' } : instance,
  );
}
