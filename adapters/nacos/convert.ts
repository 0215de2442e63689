import {
  emptyMetadata,
  type Instance,
  type Port,
  type Protocol,
  type Rejection,
  type Service,
  sameInstance,
  samePorts,
  secondGrpcPortNumber,
  servicePortNumbers,
} from '../../core/plugin/index.js';
import { providerProtocols } from '../dubbo/protocols.js';
import { type InstanceOptions, type Outcome, readInstance } from './instance.js';
import type { StringPool } from './metadata.js';
import { serviceAttributes } from './service-attributes.js';
import { formatServiceKey, type ServiceKey } from './service-key.js';

export interface ConvertOptions extends InstanceOptions {
  /** Of services whose instances name none, or different ones. */
  readonly protocol: Protocol;
  readonly servicePort: number | undefined;
}

const maxRejections = 100;

type Found = Extract<Outcome, { kind: 'instance' }>;

/**
 * A Nacos service with its instances as Nacos sends them.
 *
 * @param before the same service as it was last: what did not change are the very same objects, and a service with no
 *   instance left keeps its ports
 */
export function toService(
  key: ServiceKey,
  hosts: readonly unknown[],
  options: ConvertOptions,
  pool: StringPool,
  before?: Service,
): Service {
  const found = new Map<string, Found>();
  const rejected: Rejection[] = [];
  for (const host of hosts) {
    const outcome = readInstance(host, options, pool);
    if (outcome.kind === 'rejected' && rejected.length < maxRejections) rejected.push(outcome.rejection);
    if (outcome.kind === 'instance') add(found, outcome);
  }
  const protocol = plainProtocol(found.values(), options.protocol);
  const known = new Map(before?.instances.map((instance) => [instance.id, instance]));
  const instances = [...found.values()]
    .map((outcome) => finish(outcome, protocol, known))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const ports = instances.length === 0 && before ? before.ports : portsOf(instances, protocol, options);
  if (before && unchanged(before, ports, instances, rejected)) return before;
  return {
    name: before?.name ?? formatServiceKey(key),
    attributes: before?.attributes ?? serviceAttributes(key),
    ports: before && samePorts(before.ports, ports) ? before.ports : ports,
    instances,
    metadata: emptyMetadata,
    ...(rejected.length > 0 && { rejected }),
  };
}

/** Two entries of one instance (a client that registers anew before its old connection is gone): one that serves wins. */
function add(found: Map<string, Found>, outcome: Found): void {
  const other = found.get(outcome.instance.id);
  if (!other || (other.instance.health !== 'healthy' && outcome.instance.health === 'healthy')) {
    found.set(outcome.instance.id, outcome);
  }
}

/** What the instances that name one agree on, so that the mesh is told nothing that half of them do not speak. */
function plainProtocol(found: Iterable<Found>, fallback: Protocol): Protocol {
  const named = new Set<Protocol>();
  for (const { plainProtocol } of found) if (plainProtocol) named.add(plainProtocol);
  const [only] = named;
  return named.size === 1 && only ? only : fallback;
}

/** Names the port of a plain instance, and takes the instance or the metadata of before where they are equal. */
function finish({ instance, plainPort }: Found, protocol: Protocol, known: ReadonlyMap<string, Instance>): Instance {
  const ports = plainPort === undefined ? instance.ports : { ...instance.ports, [protocol]: plainPort };
  const whole = { ...instance, ports };
  const last = known.get(instance.id);
  if (last && sameInstance(last, whole)) return last;
  return whole;
}

/** Names and numbers depend on the kinds of ports there are, never on the numbers that instances listen on. */
function portsOf(instances: readonly Instance[], main: Protocol, { servicePort }: ConvertOptions): Port[] {
  const used = new Set<string>();
  for (const { ports } of instances) for (const name in ports) used.add(name);
  if (used.size === 0) used.add(main);
  const wanted: Port[] = [];
  const isDubbo = (name: string) => (providerProtocols as readonly string[]).includes(name);
  if (used.has(main) && !isDubbo(main)) {
    wanted.push({ name: main, number: servicePort ?? servicePortNumbers[main], protocol: main });
    used.delete(main);
  }
  if (used.has('grpc')) wanted.push({ name: 'grpc', number: secondGrpcPortNumber, protocol: 'grpc' });
  for (const name of providerProtocols) {
    if (used.has(name)) wanted.push({ name, number: servicePortNumbers[name], protocol: name });
  }
  const numbers = new Set<number>();
  return wanted.map((port) => {
    let { number } = port;
    while (numbers.has(number)) number = number === 65_535 ? 1024 : number + 1;
    numbers.add(number);
    return number === port.number ? port : { ...port, number };
  });
}

function unchanged(
  before: Service,
  ports: readonly Port[],
  instances: readonly Instance[],
  rejected: readonly Rejection[],
): boolean {
  const { rejected: last = [] } = before;
  return (
    samePorts(before.ports, ports) &&
    before.instances.length === instances.length &&
    before.instances.every((instance, index) => instance === instances[index]) &&
    last.length === rejected.length &&
    last.every(({ record, reason }, index) => record === rejected[index]?.record && reason === rejected[index]?.reason)
  );
}
