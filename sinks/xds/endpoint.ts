import { isIP } from 'node:net';
import { type Health, type Instance, isServing } from '../../core/plugin/index.js';
import { HealthStatus, LbEndpoint } from '../../proto/gen/envoy_endpoint.js';
import { encode } from '../grpc/encode.js';
import { isDnsName } from '../istio/dns-names.js';

/** A part of a service that a client would refuse, or could not use; the rest of the service is served. */
export interface Defect {
  readonly part: 'endpoint' | 'port' | 'domain' | 'route';
  /** Id of the instance, name of the port, or the domain. */
  readonly of: string;
  readonly reason: string;
}

/** One port of one instance as it stands in a ClusterLoadAssignment. */
export interface EncodedEndpoint {
  /** `address:port`, unique in an assignment. */
  readonly key: string;
  /** Tag, length and bytes of `LocalityLbEndpoints.lb_endpoints`. */
  readonly chunk: Buffer;
  /** `region/zone/subzone` */
  readonly locality: string;
  readonly weight: number;
  /** Whether new requests may go there. */
  readonly serving: boolean;
  /** Whether the address is a DNS name, which EDS does not take. */
  readonly isName: boolean;
}

export type EndpointOutcome =
  | { readonly kind: 'endpoint'; readonly endpoint: EncodedEndpoint }
  /** It has no such port, or no weight. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'defect'; readonly defect: Defect };

const healthStatuses: Readonly<Record<Health, HealthStatus>> = {
  healthy: HealthStatus.HEALTHY,
  unhealthy: HealthStatus.UNHEALTHY,
  draining: HealthStatus.DRAINING,
  unknown: HealthStatus.UNKNOWN,
};

const absent: EndpointOutcome = { kind: 'absent' };
const lbEndpointsTag = (2 << 3) | 2;

/**
 * Encodes one port of an instance. Instances that are unhealthy or draining are told with their health: they get no new
 * requests, their open ones go on, and they count when Envoy decides how much of a locality is left.
 * @param weightDivisor over 1 where the weights of a service are too large for 32 bits together
 */
export function encodeEndpoint(instance: Instance, portName: string, weightDivisor = 1): EndpointOutcome {
  const port = Object.hasOwn(instance.ports, portName) ? instance.ports[portName] : undefined;
  if (port === undefined || instance.weight === 0) return absent;
  const { address, health } = instance;
  const reason = refusalOf(instance, port);
  if (reason !== undefined) return { kind: 'defect', defect: { part: 'endpoint', of: instance.id, reason } };
  const isName = isIP(address) === 0;
  const weight = Math.max(1, Math.floor(instance.weight / weightDivisor));
  const message = {
    endpoint: { address: { socketAddress: { address, portValue: port } }, hostname: '' },
    // A status of a later version's snapshot may not be known here.
    healthStatus: healthStatuses[health] ?? HealthStatus.UNHEALTHY,
    loadBalancingWeight: { value: weight },
  };
  const { region = '', zone = '', subzone = '' } = instance.locality ?? {};
  return {
    kind: 'endpoint',
    endpoint: {
      key: `${address}:${port}`,
      // A copy, so that small ones share a slab.
      chunk: Buffer.from(encode((writer) => LbEndpoint.encode(message, writer.uint32(lbEndpointsTag).fork()).join())),
      locality: `${part(region)}/${part(zone)}/${part(subzone)}`,
      weight,
      serving: isServing(instance),
      isName,
    },
  };
}

function part(text: string): string {
  return text.replaceAll('/', '-');
}

function refusalOf({ address, weight }: Instance, port: number): string | undefined {
  if (isIP(address) === 0 && !isDnsName(address)) return 'the address is neither an IP address nor a DNS name';
  if (address.includes('%')) return 'the address has a zone id';
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return 'the port is no whole number from 1 to 65535';
  if (!Number.isInteger(weight) || weight < 0 || weight > 0xffff_ffff)
    return 'the weight is no whole number of 32 bits';
  return undefined;
}
