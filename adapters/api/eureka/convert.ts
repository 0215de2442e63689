import { checkAddress, checkPort } from '../../../core/model/address.js';
import { defaultWeight, type Health, type Port } from '../../../core/plugin/index.js';
import { type InstanceRequest, isPlaceName } from '../requests.js';
import { type EurekaInfo, effectiveStatus } from './info.js';

const maxWeight = 1_000_000;
const weightPattern = /^[0-9]{1,7}(?:\.[0-9]{1,6})?$/;
const plainProtocols = ['http', 'http2', 'grpc', 'tcp', 'thrift', 'rest'] as const;

/**
 * What the registry makes of a Eureka client's registration, or why it can make nothing of it.
 * @param known ports of the service it belongs to
 */
export function toInstanceRequest(
  info: EurekaInfo,
  known: readonly Port[],
  maxTtlSeconds: number,
): InstanceRequest | { readonly problem: string } {
  const address = checkAddress(info.ipAddr || info.hostName);
  if (!address.ok) return { problem: address.reason };
  const ports: Record<string, number> = {};
  const plain = plainName(info, known);
  for (const [name, { number, enabled }] of [
    [plain, info.port],
    ['https', info.securePort],
  ] as const) {
    if (!enabled) continue;
    const check = checkPort(number);
    if (!check.ok) return { problem: check.reason };
    ports[name] = check.port;
  }
  if (Object.keys(ports).length === 0) return { problem: 'the instance has no enabled port' };
  const place = (key: string) => {
    const text = info.metadata[key] ?? '';
    return isPlaceName(text) ? text.replaceAll('/', '-') : '';
  };
  const [region, zone, subzone] = [place('region'), place('zone'), place('subzone')];
  return {
    address: address.address,
    ports,
    weight: weightOf(info.metadata['weight'] ?? ''),
    health: healthOf(info),
    ...((region !== '' || zone !== '') && { locality: { region, zone, subzone } }),
    metadata: info.metadata,
    ttlSeconds: Math.min(maxTtlSeconds, info.durationSeconds),
  };
}

/** Eureka's clients call UP alone. */
function healthOf(info: EurekaInfo): Health {
  return effectiveStatus(info) === 'UP' ? 'healthy' : 'unhealthy';
}

/** The metadata key `protocol`; a service has one plain port, so the name it has already goes before. */
function plainName({ metadata }: EurekaInfo, known: readonly Port[]): string {
  const named = known.find(({ name }) => plainProtocols.some((protocol) => protocol === name));
  const said = (metadata['protocol'] ?? '').toLowerCase();
  return named?.name ?? plainProtocols.find((protocol) => protocol === said) ?? 'http';
}

/** Spring Cloud LoadBalancer's `weight`, where 1 is ordinary; what is no number is ordinary too, as it is there. */
function weightOf(text: string): number {
  if (!weightPattern.test(text)) return defaultWeight;
  const weight = Number(text) * defaultWeight;
  return weight === 0 ? 0 : Math.min(maxWeight, Math.max(1, Math.round(weight)));
}
