import {
  emptyMetadata,
  type Instance,
  metadataFrom,
  type Port,
  type Rejection,
  type Service,
  servicePortNumbers,
} from '../../core/plugin/index.js';
import { type Outcome, type ProviderProtocol, providerProtocols, type ServiceId } from './provider.js';

/** The port that mesh clients dial, for each protocol; it does not depend on where instances listen. */
export type ServicePorts = Readonly<Record<ProviderProtocol, number>>;

export const defaultServicePorts: ServicePorts = {
  dubbo: servicePortNumbers.dubbo,
  tri: servicePortNumbers.tri,
  rest: servicePortNumbers.rest,
};

/** Names of records left out that are kept, for one service. */
const maxRejections = 1000;

/** What the children of a `providers` node say about one service. */
export interface ServiceRecords {
  readonly id: ServiceId;
  readonly providers: Extract<Outcome, { kind: 'provider' }>[];
  readonly rejected: Rejection[];
}

/**
 * `interface:version:group`, the parts always there: `com.foo.Api:1.0.0:g1`, `com.foo.Api::`. No version or group has a
 * colon, and the interface's are escaped, so that no two services share a name.
 */
export function serviceName(interfaceName: string, { version, group }: ServiceId): string {
  const escaped = interfaceName.replace(/[%:]/g, (char) => (char === ':' ? '%3A' : '%25'));
  return `${escaped}:${version}:${group}`;
}

/**
 * One service from its records. `previous` is what was published of it: its ports stay, for a port that vanishes while
 * the last instance of a protocol restarts would break those who dial it.
 * @returns `previous` itself when nothing changed
 */
export function serviceFrom(
  interfaceName: string,
  records: ServiceRecords,
  ports: ServicePorts,
  previous: Service | undefined,
): Service {
  const { instances, applications, protocols } = survey(records);
  for (const port of previous?.ports ?? []) protocols.add(port.name);
  const application = applicationOf(applications, previous);
  const rejected = records.rejected.slice(0, maxRejections);
  if (previous && sameContent(previous, instances, rejected, application, protocols.size)) return previous;
  return {
    name: previous?.name ?? serviceName(interfaceName, records.id),
    attributes: attributesFrom(interfaceName, records.id, application, previous),
    ports: protocols.size === previous?.ports.length ? previous.ports : portsFrom(protocols, ports),
    instances,
    metadata: emptyMetadata,
    ...(rejected.length > 0 && { rejected }),
  };
}

/** The service with nobody left to serve it; the same object when it was so already. */
export function emptied(service: Service): Service {
  if (service.instances.length === 0 && service.rejected === undefined) return service;
  const { rejected: _, ...rest } = service;
  return { ...rest, instances: [] };
}

function survey({ providers }: ServiceRecords) {
  const byId = new Map<string, Extract<Outcome, { kind: 'provider' }>>();
  const applications = new Set<string>();
  const protocols = new Set<string>();
  for (const provider of providers) {
    const other = byId.get(provider.instance.id);
    if (other === undefined || isNewer(provider, other)) byId.set(provider.instance.id, provider);
    applications.add(provider.application);
    protocols.add(provider.protocol);
  }
  const instances = [...byId.values()].map((provider) => provider.instance);
  instances.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return { instances, applications, protocols };
}

/**
 * A provider that came back within the session timeout stands twice in ZooKeeper: the later registration counts. Equal
 * times are decided by content, so that every replica decides alike.
 */
function isNewer(a: Extract<Outcome, { kind: 'provider' }>, b: Extract<Outcome, { kind: 'provider' }>): boolean {
  if (a.timestampMs !== b.timestampMs) return a.timestampMs > b.timestampMs;
  return JSON.stringify(a.instance) > JSON.stringify(b.instance);
}

function sameContent(
  previous: Service,
  instances: readonly Instance[],
  rejected: readonly Rejection[],
  application: string,
  protocols: number,
): boolean {
  const before = previous.rejected ?? [];
  return (
    previous.instances.length === instances.length &&
    previous.ports.length === protocols &&
    previous.attributes['application'] === application &&
    instances.every((instance, index) => instance === previous.instances[index]) &&
    rejected.length === before.length &&
    rejected.every((rejection, index) => rejection === before[index])
  );
}

/** The one application of all providers; '' when they differ; the last known when there are none. */
function applicationOf(applications: ReadonlySet<string>, previous: Service | undefined): string {
  if (applications.size === 0) return previous?.attributes['application'] ?? '';
  const [only = ''] = applications;
  return applications.size === 1 ? only : '';
}

function attributesFrom(
  interfaceName: string,
  { version, group }: ServiceId,
  application: string,
  previous: Service | undefined,
): Service['attributes'] {
  if (previous?.attributes['application'] === application) return previous.attributes;
  return metadataFrom([
    ['name', interfaceName],
    ['interface', interfaceName],
    ['group', group],
    ['version', version],
    ['application', application],
  ]);
}

function portsFrom(protocols: ReadonlySet<string>, ports: ServicePorts): Port[] {
  return providerProtocols
    .filter((protocol) => protocols.has(protocol))
    .map((protocol) => ({ name: protocol, number: ports[protocol], protocol }));
}
