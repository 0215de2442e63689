import {
  emptyMetadata,
  type Instance,
  type Metadata,
  metadataFrom,
  type Port,
  type RegistryRule,
  type Rejection,
  type Service,
  sameInstance,
  servicePortNumbers,
} from '../../core/plugin/index.js';
import { type ProviderProtocol, providerProtocols } from './protocols.js';
import type { Provider, ServiceId } from './provider.js';

/** The port that mesh clients dial, for each protocol; it does not depend on where instances listen. */
export type ServicePorts = Readonly<Record<ProviderProtocol, number>>;

export const defaultServicePorts: ServicePorts = {
  dubbo: servicePortNumbers.dubbo,
  tri: servicePortNumbers.tri,
  rest: servicePortNumbers.rest,
};

/** Names of records left out that are kept, for one service. */
const maxRejections = 1000;

/** What a registry says about one service: one interface, version and group. */
export interface ServiceRecords {
  readonly interfaceName: string;
  readonly id: ServiceId;
  /** Several with one `instance.id` may stand here: the later registration counts. */
  readonly providers: readonly Provider[];
  readonly rejected: readonly Rejection[];
  readonly rules?: readonly RegistryRule[];
}

/** How an adapter names services; see {@link defaultNaming}. */
export interface ServiceNaming {
  /** `Service.name` */
  name(interfaceName: string, id: ServiceId): string;
  /** `Service.attributes` */
  attributes(interfaceName: string, id: ServiceId, application: string): Metadata;
}

/** {@link serviceName}, and the attributes `name`, `interface`, `group`, `version`, `application`. */
export const defaultNaming: ServiceNaming = {
  name: serviceName,
  attributes: (interfaceName, { group, version }, application) =>
    metadataFrom([
      ['name', interfaceName],
      ['interface', interfaceName],
      ['group', group],
      ['version', version],
      ['application', application],
    ]),
};

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
 * @returns `previous` itself when nothing changed; else a service with the very instances of before where they are equal
 */
export function serviceFrom(
  records: ServiceRecords,
  ports: ServicePorts,
  previous: Service | undefined,
  naming: ServiceNaming = defaultNaming,
): Service {
  const { interfaceName, id } = records;
  const { instances, applications, protocols } = survey(records, previous);
  for (const port of previous?.ports ?? []) protocols.add(port.name);
  const application = applicationOf(applications, previous);
  const rejected = records.rejected.slice(0, maxRejections);
  const rules = records.rules ?? [];
  const attributes =
    previous && previous.attributes['application'] === application
      ? previous.attributes
      : naming.attributes(interfaceName, id, application);
  const isSame =
    previous !== undefined &&
    previous.ports.length === protocols.size &&
    previous.attributes === attributes &&
    sameElements(previous.instances, instances) &&
    sameElements(previous.rejected ?? [], rejected) &&
    sameElements(previous.rules ?? [], rules);
  if (isSame) return previous;
  return {
    name: previous?.name ?? naming.name(interfaceName, id),
    attributes,
    ports: protocols.size === previous?.ports.length ? previous.ports : portsFrom(protocols, ports),
    instances,
    metadata: emptyMetadata,
    ...(rejected.length > 0 && { rejected }),
    ...(rules.length > 0 && { rules }),
  };
}

/** The service with nobody left to serve it, its rules kept; the same object when it was so already. */
export function emptied(service: Service): Service {
  if (service.instances.length === 0 && service.rejected === undefined) return service;
  const { rejected: _, ...rest } = service;
  return { ...rest, instances: [] };
}

function survey({ providers }: ServiceRecords, previous: Service | undefined) {
  const byId = new Map<string, Provider>();
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
  return { instances: previous ? keepEqual(instances, previous.instances) : instances, applications, protocols };
}

/** `now` with the objects of `before` where they are equal; both in the order of their ids. */
function keepEqual(now: readonly Instance[], before: readonly Instance[]): Instance[] {
  let index = 0;
  return now.map((instance) => {
    let other = before[index];
    while (other && other.id < instance.id) other = before[++index];
    return other && sameInstance(other, instance) ? other : instance;
  });
}

/**
 * A provider that came back within the session timeout stands twice in ZooKeeper: the later registration counts. Equal
 * times are decided by content, so that every replica decides alike.
 */
function isNewer(a: Provider, b: Provider): boolean {
  if (a.timestampMs !== b.timestampMs) return a.timestampMs > b.timestampMs;
  return JSON.stringify(a.instance) > JSON.stringify(b.instance);
}

function sameElements<Element>(a: readonly Element[], b: readonly Element[]): boolean {
  return a.length === b.length && a.every((element, index) => element === b[index]);
}

/** The one application of all providers; '' when they differ; the last known when there are none. */
function applicationOf(applications: ReadonlySet<string>, previous: Service | undefined): string {
  if (applications.size === 0) return previous?.attributes['application'] ?? '';
  const [only = ''] = applications;
  return applications.size === 1 ? only : '';
}

function portsFrom(protocols: ReadonlySet<string>, ports: ServicePorts): Port[] {
  return providerProtocols
    .filter((protocol) => protocols.has(protocol))
    .map((protocol) => ({ name: protocol, number: ports[protocol], protocol }));
}
