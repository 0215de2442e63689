import type { InstanceResource, ServiceResource } from '../../core/api/resources.js';
import { isServing, type Metadata, type Port } from '../../core/model/index.js';
import type { SourceStatus } from '../../core/source/status.js';
import { formatAge } from './duration.js';
import type { Cell } from './table.js';

/** How one kind of resource is shown. */
export interface View<Item> {
  /** For a message, as `services`. */
  readonly plural: string;
  /** What an item is called in output. */
  name(item: Item): string;
  /** Tells items apart, when their names do not. */
  key?(item: Item): string;
  /** `wide` columns come after the others. */
  readonly columns: readonly string[];
  readonly wideColumns: readonly string[];
  row(item: Item, nowMs: number): readonly Cell[];
  wideRow(item: Item): readonly Cell[];
}

export const sourceView: View<SourceStatus> = {
  plural: 'sources',
  name: ({ name }) => name,
  columns: ['NAME', 'KIND', 'STATE', 'SINCE', 'SERVICES', 'INSTANCES', 'REJECTED', 'CAUSE'],
  wideColumns: ['REQUIRED', 'SYNCED', 'FAILURES', 'SCOPES'],
  row: ({ name, kind, status, services, instances, rejected }, nowMs) => [
    name,
    kind,
    { text: status.state, style: stateStyles[status.state] },
    formatAge(nowMs - status.sinceMs),
    String(services),
    String(instances),
    String(rejected),
    shorten('cause' in status ? (status.cause ?? '') : ''),
  ],
  wideRow: ({ required, synced, failures, status }) => [
    yesOrNo(required),
    yesOrNo(synced),
    String(failures),
    shorten('scopes' in status ? status.scopes.join(',') : ''),
  ],
};

export const serviceView: View<ServiceResource> = {
  plural: 'services',
  name: ({ host }) => host,
  columns: ['HOST', 'PORTS', 'SERVING', 'SOURCES'],
  wideColumns: ['SERVICE', 'METADATA', 'VERSION'],
  row: ({ host, ports, origins }) => {
    const active = origins.filter((origin) => origin.active).flatMap(({ instances }) => instances);
    const serving = active.filter(isServing).length;
    const style = serving === 0 ? 'red' : serving < active.length ? 'yellow' : 'green';
    return [host, formatPorts(ports), { text: `${serving}/${active.length}`, style }, formatOrigins(origins)];
  },
  wideRow: ({ origins, metadata, version }) => [
    shorten([...new Set(origins.map(({ service }) => service))].join(',')),
    formatMetadata(metadata),
    version,
  ],
};

export const instanceView: View<InstanceResource> = {
  plural: 'instances',
  name: ({ host, id }) => `${host}/${id}`,
  // Two sources may have one id.
  key: ({ host, source, service, id }) => JSON.stringify([host, source, service, id]),
  columns: ['HOST', 'ID', 'ADDRESS', 'PORTS', 'HEALTH', 'WEIGHT', 'SOURCE'],
  wideColumns: ['SERVICE', 'LOCALITY', 'NETWORK', 'METADATA'],
  row: ({ host, id, address, ports, health, weight, source, active }) => [
    host,
    id,
    address,
    Object.entries(ports)
      .map(([name, number]) => `${name}:${number}`)
      .join(','),
    active ? { text: health, style: healthStyles[health] } : { text: `${health} (standby)`, style: 'dim' },
    String(weight),
    source,
  ],
  wideRow: ({ service, locality, network, metadata }) => [
    service,
    locality ? [locality.region, locality.zone, locality.subzone].join('/').replace(/\/+$/, '') : '',
    network ?? '',
    formatMetadata(metadata),
  ],
};

const stateStyles = {
  starting: 'yellow',
  restored: 'yellow',
  fresh: 'green',
  degraded: 'yellow',
  stale: 'red',
} as const;
const healthStyles = { healthy: 'green', unknown: 'green', draining: 'yellow', unhealthy: 'red' } as const;

function yesOrNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

export function formatPorts(ports: readonly Port[]): string {
  return ports
    .map(({ name, number, protocol }) => `${number}/${name === protocol ? name : `${name}:${protocol}`}`)
    .join(',');
}

/** Sources that are merged out stand in brackets. */
function formatOrigins(origins: ServiceResource['origins']): string {
  return origins.map(({ source, active }) => (active ? source : `(${source})`)).join(',');
}

export function formatMetadata(metadata: Metadata): string {
  return shorten(
    Object.entries(metadata)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  );
}

/** In a table; the whole of it is in -o json and -o yaml. */
export function shorten(text: string): string {
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
