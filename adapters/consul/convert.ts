import { checkAddress, checkPort } from '../../core/model/address.js';
import { printable } from '../../core/model/printable.js';
import {
  defaultWeight,
  emptyMetadata,
  type Health,
  type Instance,
  type Metadata,
  metadataFrom,
  type Rejection,
  type Service,
  sameInstance,
} from '../../core/plugin/index.js';
import type { ConsulConfig } from './config.js';
import type { CheckStatus, DecodedEntries, ServiceEntry } from './entries.js';
import { grpcPortKey, servicePorts, serviceProtocol } from './protocol.js';
import type { Sharing } from './sharing.js';

export type ConvertOptions = Pick<ConsulConfig, 'protocol' | 'protocolFromTags' | 'servicePort' | 'warning' | 'tags'>;

export interface ServiceIdentity {
  /** In Consul. */
  readonly name: string;
  /** In the catalog: unique over the datacenters of the source. */
  readonly published: string;
  /** Empty for the home datacenter. */
  readonly datacenter: string;
}

const maxWeight = 1_000_000;
const maxRejections = 100;
/** Metadata that may be a credential goes no further. */
const secretKey = /passw|secret|token|credential|api[-_]?key|private[-_]?key/i;

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
  const wanted = entries.filter((entry) => entry.kind === '' && options.tags.every((tag) => entry.tags.includes(tag)));
  if (wanted.length === 0 && rejected.length === 0 && before === undefined) return undefined;
  const protocol = serviceProtocol(wanted, options);
  const left: Rejection[] = [...rejected];
  const instances: Instance[] = [];
  const known = new Map(before?.instances.map((instance) => [instance.id, instance]));
  for (const entry of wanted) {
    const made = convertInstance(entry, protocol, options.warning);
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

function convertInstance(
  entry: ServiceEntry,
  protocol: string,
  warning: ConvertOptions['warning'],
): Instance | Rejection {
  const record = printable(`${entry.node}/${entry.id} ${entry.address || entry.nodeAddress}:${entry.port}`);
  // Consul's own rule: an instance with no address of its own is where its node is.
  const address = checkAddress(entry.address || entry.nodeAddress);
  if (!address.ok) return { record, reason: address.reason };
  if (entry.port === 0) return { record, reason: 'it has no port (0)' };
  const port = checkPort(entry.port);
  if (!port.ok) return { record, reason: port.reason };
  const ports: Record<string, number> = { [protocol]: port.port };
  const grpc = checkPort(entry.meta.get(grpcPortKey) ?? '');
  if (grpc.ok && protocol !== 'grpc') ports['grpc'] = grpc.port;
  const zone = entry.meta.get('zone') ?? entry.nodeMeta.get('zone') ?? '';
  return {
    id: `${entry.node}/${entry.id}`,
    address: address.address,
    ports,
    health: healthOf(entry.status, warning),
    weight: weightOf(entry),
    ...(entry.datacenter === '' ? {} : { locality: { region: entry.datacenter, zone, subzone: '' } }),
    metadata: metadataOf(entry),
  };
}

function healthOf(status: CheckStatus, warning: ConvertOptions['warning']): Health {
  switch (status) {
    case 'passing':
      return 'healthy';
    case 'warning':
      return warning;
    case 'critical':
      return 'unhealthy';
    case 'maintenance':
      return 'draining';
  }
}

/** Consul gives a weight for each of the states that take traffic; 1 is its default. */
function weightOf({ status, weights }: ServiceEntry): number {
  const weight = status === 'warning' ? weights.warning : weights.passing;
  return Math.min(maxWeight, weight * defaultWeight);
}

function metadataOf({ meta, tags }: ServiceEntry): Metadata {
  const entries = [...meta].filter(([key]) => !secretKey.test(key));
  if (tags.length > 0) entries.push(['consul.tags', [...tags].sort().join(',')]);
  return metadataFrom(entries);
}

function attributesOf({ name, datacenter }: ServiceIdentity, entries: readonly ServiceEntry[]): Metadata {
  const tags = new Set(entries.flatMap((entry) => entry.tags));
  return metadataFrom([
    ['name', name],
    ['datacenter', datacenter],
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
