import { checkAddress, checkPort } from '../../core/model/address.js';
import { printable } from '../../core/model/printable.js';
import {
  defaultWeight,
  emptyMetadata,
  type Health,
  type Instance,
  isCredential,
  type Metadata,
  metadataFrom,
  type Rejection,
  type Service,
  sameInstance,
} from '../../core/plugin/index.js';
import type { ConsulConfig } from './config.js';
import type { CheckStatus, DecodedEntries, ServiceEntry, TaggedAddress } from './entries.js';
import { type DeclaredProtocol, grpcPortKey, servicePorts, serviceProtocol } from './protocol.js';
import type { Sharing } from './sharing.js';

export type ConvertOptions = Pick<
  ConsulConfig,
  'protocol' | 'protocolFromTags' | 'servicePort' | 'health' | 'tags' | 'excludeTags' | 'addressTag'
>;

export interface ServiceIdentity {
  /** In Consul. */
  readonly name: string;
  /** In the catalog: unique over the datacenters of the source. */
  readonly published: string;
  /** Empty for the home datacenter. */
  readonly datacenter: string;
  /** Empty for the home namespace. */
  readonly namespace: string;
  /** What Consul's configuration entries say of the service. */
  readonly declared: DeclaredProtocol;
}

const maxWeight = 1_000_000;
const maxRejections = 100;

/**
 * A service from its instances.
 * @param before what was published last: instances that did not change are the same objects, and a service that has no
 *   instance left keeps its ports and attributes
 * @returns undefined when there is nothing to publish: no instance, or only proxies and gateways, and no such `before`
 */
export function convertService(
  identity: ServiceIdentity,
  { entries, rejected }: DecodedEntries,
  options: ConvertOptions,
  sharing: Sharing,
  before: Service | undefined,
): Service | undefined {
  const wanted = entries.filter((entry) => isWanted(entry, options));
  if (wanted.length === 0 && rejected.length === 0 && before === undefined) return undefined;
  const protocol = serviceProtocol(wanted, options, identity.declared);
  const left: Rejection[] = [...rejected];
  const instances: Instance[] = [];
  const known = new Map(before?.instances.map((instance) => [instance.id, instance]));
  for (const entry of wanted) {
    const made = convertInstance(entry, protocol, options);
    if ('reason' in made) left.push(made);
    else instances.push(reuse(known.get(made.id), made, sharing));
  }
  instances.sort((a, b) => (a.id < b.id ? -1 : 1));
  const kept = instances.length === 0 ? before : undefined;
  const hasGrpcPort = instances.some(({ ports }) => ports['grpc'] !== undefined);
  return {
    name: identity.published,
    attributes: kept?.attributes ?? attributesOf(identity, wanted),
    ports: kept?.ports ?? servicePorts(protocol, hasGrpcPort, options.servicePort),
    instances,
    metadata: emptyMetadata,
    ...(left.length === 0 ? {} : { rejected: bounded(left) }),
  };
}

/** A proxy or gateway of Consul's own mesh is none: the service that it stands before is published by itself. */
function isWanted({ kind, tags }: ServiceEntry, options: ConvertOptions): boolean {
  if (kind !== '' || options.excludeTags.some((tag) => tags.includes(tag))) return false;
  return options.tags.every((tag) => tags.includes(tag));
}

/** Consul's own rules: an instance with no address of its own is where its node is, under the tag as well. */
function addressOf(entry: ServiceEntry, tag: ConvertOptions['addressTag']): TaggedAddress {
  const tagged = tag === undefined ? undefined : entry.addresses.get(tag);
  if (tagged) return { address: tagged.address, port: tagged.port || entry.port };
  const ofNode = tag === undefined ? undefined : entry.nodeAddresses.get(tag)?.address;
  return { address: entry.address || ofNode || entry.nodeAddress, port: entry.port };
}

function convertInstance(entry: ServiceEntry, protocol: string, options: ConvertOptions): Instance | Rejection {
  const where = addressOf(entry, options.addressTag);
  const record = printable(`${entry.node}/${entry.id} ${where.address}:${where.port}`);
  const address = checkAddress(where.address);
  if (!address.ok) return { record, reason: address.reason };
  if (where.port === 0) return { record, reason: 'it has no port (0)' };
  const port = checkPort(where.port);
  if (!port.ok) return { record, reason: port.reason };
  const ports: Record<string, number> = { [protocol]: port.port };
  const grpc = checkPort(entry.meta.get(grpcPortKey) ?? '');
  if (grpc.ok && protocol !== 'grpc') ports['grpc'] = grpc.port;
  return {
    id: `${entry.node}/${entry.id}`,
    address: address.address,
    ports,
    health: healthOf(entry.status, options.health),
    weight: weightOf(entry),
    ...localityOf(entry),
    metadata: metadataOf(entry),
  };
}

function localityOf({ locality, datacenter, meta, nodeMeta }: ServiceEntry): Pick<Instance, 'locality'> {
  const region = locality.region || datacenter;
  const zone = locality.zone || (meta.get('zone') ?? nodeMeta.get('zone') ?? '');
  return region === '' ? {} : { locality: { region, zone, subzone: '' } };
}

function healthOf(status: CheckStatus, as: ConvertOptions['health']): Health {
  switch (status) {
    case 'passing':
      return 'healthy';
    case 'warning':
      return as.warning;
    case 'critical':
      return 'unhealthy';
    case 'maintenance':
      return as.maintenance;
  }
}

/** Consul gives a weight for each of the states that take traffic; 1 is its default. */
function weightOf({ status, weights }: ServiceEntry): number {
  const weight = status === 'warning' ? weights.warning : weights.passing;
  return Math.min(maxWeight, weight * defaultWeight);
}

function metadataOf({ meta, tags }: ServiceEntry): Metadata {
  const entries = [...meta].filter(([key, value]) => !isCredential(key, value));
  if (tags.length > 0) entries.push(['consul.tags', [...tags].sort().join(',')]);
  return metadataFrom(entries);
}

function attributesOf({ name, datacenter, namespace }: ServiceIdentity, entries: readonly ServiceEntry[]): Metadata {
  const tags = new Set(entries.flatMap((entry) => entry.tags));
  return metadataFrom([
    ['name', name],
    ['datacenter', datacenter],
    ['namespace', namespace],
    ['tags', [...tags].sort().join(',')],
  ]);
}

function reuse(known: Instance | undefined, made: Instance, sharing: Sharing): Instance {
  return known && sameInstance(known, made) ? known : sharing.share(made);
}

function bounded(rejected: readonly Rejection[]): readonly Rejection[] {
  if (rejected.length <= maxRejections) return rejected;
  const more = { record: '…', reason: `${rejected.length - maxRejections} more records were left out` };
  return [...rejected.slice(0, maxRejections), more];
}
