import {
  checkAddress,
  checkPort,
  defaultWeight,
  emptyMetadata,
  type Health,
  type Instance,
  type Metadata,
  metadataFrom,
  type Port,
  type Protocol,
  printable,
  type Rejection,
  type Service,
  sameInstance,
} from '../../core/plugin/index.js';
import type { KubernetesConfig } from './config.js';
import { protocolOf } from './protocol.js';
import type { EndpointRecord, ServicePortRecord, ServiceRecord, SliceRecord } from './records.js';

export type ConvertOptions = Pick<KubernetesConfig, 'protocol' | 'ipFamily' | 'region'>;

const maxRejections = 100;
const dnsName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** Of two records of one endpoint, as while it moves from slice to slice, the better counts. */
const rank: Readonly<Record<Health, number>> = { healthy: 3, draining: 2, unhealthy: 1, unknown: 0 };

/** A port of a Service with its name in the catalog. */
interface NamedPort {
  readonly record: ServicePortRecord;
  readonly port: Port;
}

/**
 * A Service and its EndpointSlices as a service of the catalog.
 * @param before what was published last: instances that did not change are the same objects
 */
export function convertService(
  record: ServiceRecord,
  slices: Iterable<SliceRecord>,
  options: ConvertOptions,
  before: Service | undefined,
): Service {
  const rejected: Rejection[] = [];
  const ports = namedPorts(record, options.protocol, rejected);
  const found =
    record.externalName === ''
      ? instancesOf(record, [...slices], ports, options, rejected)
      : externalInstance(record, ports, options, rejected);
  const known = new Map(before?.instances.map((instance) => [instance.id, instance]));
  const instances = [...found.values()]
    .map((made) => {
      const same = known.get(made.id);
      return same && sameInstance(same, made) ? same : made;
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    name: `${record.namespace}/${record.name}`,
    attributes: attributesOf(record, rejected),
    ports: ports.map(({ port }) => port),
    instances,
    metadata: record.labels,
    ...(rejected.length === 0 ? {} : { rejected: rejected.slice(0, maxRejections) }),
  };
}

function attributesOf({ namespace, name, annotations }: ServiceRecord, rejected: Rejection[]): Metadata {
  const given = annotations['name'];
  const isName = given !== undefined && given.length <= 253 && dnsName.test(given);
  if (given !== undefined && !isName) {
    const reason = 'the annotation isthmus.io/name is no DNS name in lower case; the name of the Service is taken';
    rejected.push({ record: printable(given), reason });
  }
  return metadataFrom([
    ['name', isName ? given : name],
    ['namespace', namespace],
  ]);
}

function namedPorts({ ports }: ServiceRecord, fallback: Protocol, rejected: Rejection[]): NamedPort[] {
  const named: NamedPort[] = [];
  for (const record of ports) {
    const reject = (reason: string) =>
      rejected.push({ record: printable(`port ${record.name} ${record.number}/${record.transport}`), reason });
    const protocol = protocolOf(record, fallback);
    const number = checkPort(record.number);
    if (protocol === undefined) reject(`the transport ${printable(record.transport)} is not known here`);
    else if (!number.ok) reject(number.reason);
    else if (named.some(({ port }) => port.number === record.number)) reject('another port has the same number');
    else named.push({ record, port: { name: record.name || protocol, number: number.port, protocol } });
  }
  return named;
}

function instancesOf(
  service: ServiceRecord,
  slices: readonly SliceRecord[],
  ports: readonly NamedPort[],
  options: ConvertOptions,
  rejected: Rejection[],
): ReadonlyMap<string, Instance> {
  const family = familyOf(service, slices, options);
  const instances = new Map<string, Instance>();
  for (const slice of slices) {
    if (slice.addressType !== family && slice.addressType !== 'FQDN') continue;
    const numbers = numbersOf(slice, ports);
    for (const endpoint of slice.endpoints) {
      const made = convertEndpoint(endpoint, numbers, options);
      if ('reason' in made) {
        rejected.push(made);
        continue;
      }
      const other = instances.get(made.id);
      if (!other || rank[made.health] > rank[other.health]) instances.set(made.id, made);
    }
  }
  return instances;
}

/** The one family that instances are taken of: a pod of a dual-stack service stands in a slice of each. */
function familyOf(service: ServiceRecord, slices: readonly SliceRecord[], { ipFamily }: ConvertOptions): string {
  const present = new Set(slices.map(({ addressType }) => addressType));
  const primary = service.ipFamilies[0] ?? (present.has('IPv4') ? 'IPv4' : 'IPv6');
  if (ipFamily === 'primary') return primary;
  const isOffered = service.ipFamilies.includes(ipFamily) || (service.ipFamilies.length === 0 && present.has(ipFamily));
  return isOffered ? ipFamily : primary;
}

/** Port name of the catalog → the number that the endpoints of the slice listen on. */
function numbersOf(slice: SliceRecord, ports: readonly NamedPort[]): Readonly<Record<string, number>> {
  const numbers: Record<string, number> = {};
  for (const { record, port } of ports) {
    const own = slice.ports.find(({ name, transport }) => name === record.name && transport === record.transport);
    const number = own && checkPort(own.number);
    if (number?.ok) numbers[port.name] = number.port;
  }
  return numbers;
}

function convertEndpoint(
  endpoint: EndpointRecord,
  ports: Readonly<Record<string, number>>,
  { region }: ConvertOptions,
): Instance | Rejection {
  const zone = endpoint.zone.replaceAll('/', '-');
  const address = checkAddress(endpoint.address);
  const record = printable(`${endpoint.pod} ${endpoint.address}`.trim());
  if (!address.ok) return { record, reason: address.reason };
  const [first] = Object.values(ports);
  if (first === undefined) return { record, reason: 'it has none of the ports of its service' };
  return {
    id: idOf(address.address, first),
    address: address.address,
    ports,
    health: healthOf(endpoint),
    weight: defaultWeight,
    ...(region === '' && zone === '' ? {} : { locality: { region, zone, subzone: '' } }),
    metadata: metadataFrom(
      (
        [
          ['kubernetes.pod', endpoint.pod],
          ['kubernetes.node', endpoint.node],
        ] as const
      ).filter(([, value]) => value !== ''),
    ),
  };
}

/** A pod that ends and still serves takes no new traffic, and finishes what it has. */
function healthOf({ ready, serving, terminating }: EndpointRecord): Health {
  if (terminating) return serving ? 'draining' : 'unhealthy';
  return ready ? 'healthy' : 'unhealthy';
}

function externalInstance(
  { externalName }: ServiceRecord,
  ports: readonly NamedPort[],
  { region }: ConvertOptions,
  rejected: Rejection[],
): ReadonlyMap<string, Instance> {
  const address = checkAddress(externalName);
  const [first] = ports;
  if (!address.ok || !first) {
    const reason = address.ok ? 'an ExternalName with no ports: nobody knows what to dial' : address.reason;
    rejected.push({ record: printable(externalName), reason });
    return new Map();
  }
  const id = idOf(address.address, first.port.number);
  const instance: Instance = {
    id,
    address: address.address,
    ports: Object.fromEntries(ports.map(({ port }) => [port.name, port.number])),
    health: 'unknown',
    weight: defaultWeight,
    ...(region === '' ? {} : { locality: { region, zone: '', subzone: '' } }),
    metadata: emptyMetadata,
  };
  return new Map([[id, instance]]);
}

function idOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
