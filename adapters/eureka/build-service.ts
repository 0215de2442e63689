import {
  type Instance,
  type Metadata,
  metadataFrom,
  type Port,
  type Protocol,
  type Rejection,
  type Service,
} from '../../core/plugin/index.js';
import { type EurekaConfig, grpcPortNumber, securePortNumber } from './config.js';
import type { InstanceRecord } from './convert.js';

export type ServiceOptions = Pick<EurekaConfig, 'protocol' | 'servicePort' | 'serviceName'>;

const maxNameLength = 255;
const maxRejections = 100;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f]/;

/** Whether an application or VIP address of this name can be a service. */
export function isServiceName(name: string): boolean {
  return name !== '' && name.length <= maxNameLength && !controls.test(name);
}

/**
 * The instances of an application, or behind a VIP address, as a service, sorted by id.
 * @param before the service as it was published last: with no instance left, its ports and names stay
 */
export function buildService(
  name: string,
  records: Iterable<InstanceRecord>,
  options: ServiceOptions,
  before: Service | undefined,
): Service {
  const found = [...records];
  const usable = found.flatMap(({ outcome }) => (outcome.kind === 'instance' ? [outcome] : []));
  const rejected = rejections(found);
  const extra = rejected.length === 0 ? {} : { rejected };
  if (usable.length === 0)
    return { ...(before ?? emptyService(name, options)), instances: [], ...noRejections, ...extra };
  const spoken = new Set(usable.flatMap(({ plainProtocol }) => plainProtocol ?? []));
  const plain = spoken.size === 1 ? [...spoken].join() : options.protocol;
  const instances = usable
    .map(({ instance, plainProtocol }) =>
      plainProtocol === undefined || plainProtocol === plain ? instance : rename(instance, plainProtocol, plain),
    )
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return {
    name,
    attributes: attributesOf(name, found, options),
    ports: portsOf(instances, plain as Protocol, options),
    instances,
    metadata: serviceMetadata(found),
    ...extra,
  };
}

/** Sets off what a service carried over from before says of records that were left out. */
const noRejections = { rejected: [] };

function emptyService(name: string, options: ServiceOptions): Service {
  const ports = portsOf([], options.protocol, options);
  return { name, attributes: attributesOf(name, [], options), ports, instances: [], metadata: metadataFrom([]) };
}

/** Instances that disagree on the protocol of the plain port: one port of the service, so one name. */
function rename(instance: Instance, from: string, to: string): Instance {
  const { [from]: number, [to]: _, ...others } = instance.ports;
  return number === undefined ? instance : { ...instance, ports: { ...others, [to]: number } };
}

/** Names and numbers depend on what kind of port there is, never on the numbers that instances listen on. */
function portsOf(instances: readonly Instance[], plain: Protocol, { servicePort }: ServiceOptions): Port[] {
  const all: Port[] = [
    { name: plain, number: servicePort, protocol: plain },
    { name: 'https', number: securePortNumber, protocol: 'https' },
  ];
  if (plain !== 'grpc') all.push({ name: 'grpc', number: grpcPortNumber, protocol: 'grpc' });
  const used = new Set<string>();
  for (const { ports } of instances) for (const name in ports) used.add(name);
  return used.size === 0 ? all.slice(0, 1) : all.filter((port) => used.has(port.name));
}

function attributesOf(name: string, records: readonly InstanceRecord[], { serviceName }: ServiceOptions): Metadata {
  if (serviceName === 'app') return attributes(name, name, firstVip(records));
  const [first = ''] = [...new Set(records.map(({ application }) => application))].sort();
  // Some VIP addresses are written with a port, which is no part of a host's name.
  return attributes(name.replace(/:[0-9]{1,5}$/, ''), first, name);
}

function attributes(name: string, application: string, vip: string): Metadata {
  return metadataFrom([
    ['name', name.toLowerCase()],
    ['application', application],
    ['vip', vip],
  ]);
}

/** The first by sort order, so that it is the same on every replica; a list `a,b` is two. */
function firstVip(records: readonly InstanceRecord[]): string {
  const vips = new Set(records.map((record) => record.vipAddress).filter((vip) => vip !== ''));
  return [...vips].flatMap((vip) => vip.split(',')).sort()[0] ?? '';
}

function serviceMetadata(records: readonly InstanceRecord[]): Metadata {
  const entries: [string, string][] = [];
  for (const key of ['vipAddress', 'secureVipAddress'] as const) {
    const values = new Set(records.map((record) => record[key]).filter((value) => value !== ''));
    if (values.size > 0) entries.push([key, [...values].sort().join(',')]);
  }
  return metadataFrom(entries);
}

function rejections(records: readonly InstanceRecord[]): Rejection[] {
  const all = records.flatMap(({ outcome }) =>
    outcome.kind === 'rejected' ? [{ record: outcome.record, reason: outcome.reason }] : [],
  );
  return all.length <= maxRejections
    ? all
    : [
        ...all.slice(0, maxRejections),
        { record: '…', reason: `${all.length - maxRejections} more records were left out` },
      ];
}
