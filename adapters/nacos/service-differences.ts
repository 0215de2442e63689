import { printable } from '../../core/model/printable.js';
import { type AuditDifference, type Service, sameInstance } from '../../core/plugin/index.js';

/** How the instances of a service differ from what was known of them. */
export function serviceDifferences(before: Service | undefined, after: Service): readonly AuditDifference[] {
  if (before === after) return [];
  const found: AuditDifference[] = [];
  const tell = (detail: string) => found.push({ service: printable(after.name), detail });
  const known = new Map(before?.instances.map((instance) => [instance.id, instance]));
  for (const instance of after.instances) {
    const last = known.get(instance.id);
    known.delete(instance.id);
    if (!last) tell(`instance ${instance.id} was missed`);
    else if (!sameInstance(last, instance)) tell(`instance ${instance.id} had changed unseen`);
  }
  for (const id of known.keys()) tell(`instance ${id} had gone unseen`);
  if (found.length === 0 && before) tell('its ports had changed unseen');
  return found;
}
