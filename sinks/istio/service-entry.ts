import type { CatalogService } from '../../core/catalog/catalog.js';
import { type ServiceEntry, ServiceEntry_Location, ServiceEntry_Resolution } from '../../proto/gen/service_entry.js';
import { type Defect, istioEndpoints } from './endpoints.js';
import { istioPorts } from './ports.js';

/** How catalog services become Istio resources; the same for all of them. */
export interface IstioOptions {
  /** Namespace of every resource. */
  readonly namespace: string;
  readonly location: 'internal' | 'external';
  /** Keys of instance metadata that become endpoint labels; sorted, so that the bytes are equal on every replica. */
  readonly labels: readonly string[];
  /** Namespaces that see the hosts; empty: as the mesh's default has it. */
  readonly exportTo: readonly string[];
}

export interface ConvertedService {
  readonly entry: ServiceEntry;
  readonly defects: readonly Defect[];
}

/**
 * One catalog service as a ServiceEntry. A service that nobody serves is one with no endpoints: istiod then changes
 * endpoints alone, where a missing ServiceEntry would take listeners and clusters away.
 */
export function toServiceEntry(service: CatalogService, options: IstioOptions): ConvertedService {
  const { ports, nameOf } = istioPorts(service.ports);
  const { endpoints, hasNames, defects } = istioEndpoints(service, nameOf, options.labels);
  const entry: ServiceEntry = {
    hosts: [service.host],
    addresses: [],
    ports,
    location:
      options.location === 'internal' ? ServiceEntry_Location.MESH_INTERNAL : ServiceEntry_Location.MESH_EXTERNAL,
    // Never DNS without endpoints: istiod would resolve the host itself.
    resolution: hasNames ? ServiceEntry_Resolution.DNS : ServiceEntry_Resolution.STATIC,
    endpoints,
    exportTo: [...options.exportTo],
    subjectAltNames: [],
  };
  return { entry, defects };
}
