import type { Service } from '../../core/plugin/index.js';
import { interfaceNameOf } from './root-state.js';
import type { Unit } from './unit.js';

/**
 * A service as far as it could be read, with the instances that an earlier process published and that may be lacking only
 * because one of these units could not be read.
 * @param earlier as it was published before this process read anything
 */
export function withEarlierInstances(service: Service, earlier: Service, unread: Iterable<Unit>): Service {
  if (!concernsAny(earlier, unread)) return service;
  const present = new Set(service.instances.map(({ id }) => id));
  const kept = earlier.instances.filter(({ id }) => !present.has(id));
  return kept.length === 0 ? service : { ...service, instances: [...service.instances, ...kept] };
}

/** Whether something of the service may stand in one of the units. */
export function concernsAny(service: Service, units: Iterable<Unit>): boolean {
  for (const unit of units) if (concerns(service, unit)) return true;
  return false;
}

function concerns({ attributes, instances }: Service, unit: Unit): boolean {
  switch (unit.kind) {
    case 'interface':
      return interfaceNameOf(unit.name) === attributes['interface'];
    case 'application':
      return (
        attributes['application'] === unit.name ||
        instances.some(({ metadata }) => (metadata['application'] ?? unit.name) === unit.name)
      );
    case 'root':
    case 'applications':
      return true;
    default:
      return false;
  }
}
