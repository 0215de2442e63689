import { type Port, secondGrpcPortNumber, servicePortNumbers } from '../../core/plugin/index.js';
import { type ConsulConfig, isServiceProtocol, type ServiceProtocol } from './config.js';
import type { ServiceEntry } from './entries.js';

/** Metadata keys that name the protocol of the port, first found wins. */
export const protocolKeys = ['protocol', 'istio-protocol'] as const;
/** Metadata key under which Spring Boot gRPC starters announce a second port. */
export const grpcPortKey = 'gRPC_port';

/** What Consul's configuration entries say: `service-defaults` of the service, `proxy-defaults` of all. */
export interface DeclaredProtocol {
  readonly own: ServiceProtocol | undefined;
  readonly global: ServiceProtocol | undefined;
}

/** The protocol that an instance names for its port, if it names one. */
function namedProtocol({ meta, tags }: ServiceEntry, fromTags: boolean): ServiceProtocol | undefined {
  for (const key of protocolKeys) {
    const value = meta.get(key)?.toLowerCase();
    if (value !== undefined && isServiceProtocol(value)) return value;
  }
  if (!fromTags) return undefined;
  const named = new Set(tags.map((tag) => tag.toLowerCase()).filter(isServiceProtocol));
  return named.size === 1 ? [...named][0] : undefined;
}

/**
 * The protocol of a service's port: what Consul declares of it; else what its instances name, as long as those that name
 * one agree, so that the mesh is not told a protocol that half of the instances do not speak; else what Consul declares
 * for all; else the configured one.
 */
export function serviceProtocol(
  entries: readonly ServiceEntry[],
  options: Pick<ConsulConfig, 'protocol' | 'protocolFromTags'>,
  declared: DeclaredProtocol,
): ServiceProtocol {
  if (declared.own !== undefined) return declared.own;
  const named = new Set<ServiceProtocol>();
  for (const entry of entries) {
    const protocol = namedProtocol(entry, options.protocolFromTags);
    if (protocol !== undefined) named.add(protocol);
  }
  const [only] = named;
  return named.size === 1 && only !== undefined ? only : (declared.global ?? options.protocol);
}

/** The service-side ports: their numbers depend on the kind of port, never on what instances listen on. */
export function servicePorts(protocol: ServiceProtocol, hasGrpcPort: boolean, number: number | undefined): Port[] {
  const main: Port = { name: protocol, number: number ?? servicePortNumbers[protocol], protocol };
  if (!hasGrpcPort || protocol === 'grpc') return [main];
  const second = main.number === secondGrpcPortNumber ? secondGrpcPortNumber + 1 : secondGrpcPortNumber;
  return [main, { name: 'grpc', number: second, protocol: 'grpc' }];
}
