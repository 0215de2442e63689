import { sameInstances, sameMetadata, samePorts } from '../model/index.js';
import type { CatalogService, Origin } from './catalog.js';

function sameOrigin(a: Origin, b: Origin): boolean {
  return (
    a.source === b.source && a.service === b.service && a.active === b.active && sameInstances(a.instances, b.instances)
  );
}

/** Whether a reader would see no difference. Cheap when the unchanged instances are the same objects. */
export function sameCatalogService(a: CatalogService, b: CatalogService): boolean {
  if (a === b) return true;
  return (
    a.host === b.host &&
    a.origins.length === b.origins.length &&
    samePorts(a.ports, b.ports) &&
    sameMetadata(a.metadata, b.metadata) &&
    a.origins.every((origin, index) => {
      const other = b.origins[index];
      return other !== undefined && sameOrigin(origin, other);
    })
  );
}
