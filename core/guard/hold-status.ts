import type { Damped } from './flap-memory.js';
import type { HeldInstance, HeldReason, HoldStatus } from './hold.js';

/** Ids that are shown of a hold. */
export const shownInstances = 100;

/** What is held back in a source, a line for each service and reason, oldest first. */
export function holdStatuses(
  source: string,
  held: ReadonlyMap<string, ReadonlyMap<string, HeldInstance>>,
  damped: ReadonlyMap<string, ReadonlyMap<string, Damped>> | undefined,
  outdated: ReadonlyMap<string, HeldReason>,
  maxInstances: number,
): readonly HoldStatus[] {
  const statuses: HoldStatus[] = [];
  for (const [service, instances] of held) statuses.push(...ofService(source, service, instances, maxInstances));
  for (const [service, instances] of damped ?? []) {
    for (const [id, { reason, sinceMs, untilMs }] of instances) {
      statuses.push({ source, service, guard: 'flap', reason, sinceMs, untilMs, instances: [id], count: 1 });
    }
  }
  for (const [service, { guard, reason, sinceMs }] of outdated) {
    statuses.push({ source, service, guard, reason, sinceMs, instances: [], count: 0 });
  }
  return statuses.sort((a, b) => a.sinceMs - b.sinceMs || (a.service < b.service ? -1 : 1));
}

function ofService(
  source: string,
  service: string,
  held: ReadonlyMap<string, HeldInstance>,
  maxInstances: number,
): HoldStatus[] {
  const groups = new Map<string, { first: HeldInstance; ids: string[] }>();
  for (const [id, instance] of held) {
    const key = `${instance.guard} ${instance.sinceMs} ${instance.reason}`;
    const group = groups.get(key) ?? { first: instance, ids: [] };
    group.ids.push(id);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ first: { guard, reason, sinceMs, untilMs }, ids }) => ({
    source,
    service,
    guard,
    reason,
    sinceMs,
    ...(Number.isFinite(untilMs) ? { untilMs } : {}),
    instances: ids.slice(0, maxInstances),
    count: ids.length,
  }));
}
