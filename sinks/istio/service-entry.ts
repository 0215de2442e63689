import { createHash } from 'node:crypto';
import type { CatalogService } from '../../core/catalog/catalog.js';
import {
  type ServiceEntry,
  ServiceEntry_Location,
  ServiceEntry_Resolution,
  type ServicePort,
  type WorkloadEntry,
} from '../../proto/gen/service_entry.js';
import { type Defect, endpointsOfPort, istioEndpoints } from './endpoints.js';
import { istioPorts } from './ports.js';
import type { ServiceSettings } from './settings.js';

/** A ServiceEntry and the name of its resource, without the namespace. */
export interface NamedEntry {
  readonly name: string;
  readonly entry: ServiceEntry;
}

export interface ConvertedService {
  /** One a port; one with no ports for a service without. */
  readonly entries: readonly NamedEntry[];
  readonly defects: readonly Defect[];
}

/**
 * One catalog service as ServiceEntries, one a port, which istiod merges into one host. In a single one, an endpoint
 * that lacks a port would be dialled on the service's own number, where nobody listens: Istio has no way to say "not here"
 * (a Dubbo interface served by some providers on dubbo and by some on tri is such a service).
 *
 * A port that nobody serves is an entry with no endpoints: istiod then changes endpoints alone, where a missing entry
 * would take listeners and clusters away.
 */
export function toServiceEntries(service: CatalogService, settings: ServiceSettings): ConvertedService {
  const { ports, nameOf } = istioPorts(service.ports);
  const { endpoints, hasNames, defects } = istioEndpoints(service, nameOf, settings);
  const entryOf = (own: readonly ServicePort[], endpointsOfEntry: WorkloadEntry[]): ServiceEntry => ({
    hosts: [service.host],
    addresses: [],
    ports: [...own],
    location:
      settings.location === 'internal' ? ServiceEntry_Location.MESH_INTERNAL : ServiceEntry_Location.MESH_EXTERNAL,
    // The same for all entries of a host, or istiod does not merge them; but never DNS without endpoints, for istiod
    // would resolve the host itself.
    resolution: hasNames && endpointsOfEntry.length > 0 ? ServiceEntry_Resolution.DNS : ServiceEntry_Resolution.STATIC,
    endpoints: endpointsOfEntry,
    exportTo: [...settings.exportTo],
    subjectAltNames: [...settings.subjectAltNames],
  });
  if (ports.length === 0) return { entries: [{ name: service.host, entry: entryOf([], []) }], defects };
  const entries = ports.map((port, index) => ({
    name: entryName(service.host, index === 0 ? undefined : port.number),
    entry: entryOf([port], endpointsOfPort(endpoints, port.name)),
  }));
  return { entries, defects };
}

const maxNameLength = 253;

/**
 * The host for the lowest port, and `<host>.<number>` for each other: no host ends in a number, so no two names are one.
 * What would be too long a name begins with a digest of the host instead.
 */
function entryName(host: string, port: number | undefined): string {
  if (port === undefined) return host;
  const name = `${host}.${port}`;
  if (name.length <= maxNameLength) return name;
  return `${createHash('sha256').update(host).digest('hex').slice(0, 32)}.${port}`;
}
