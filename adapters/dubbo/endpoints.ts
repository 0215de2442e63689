import { checkPort, isRecord } from '../../core/plugin/index.js';
import { type ProviderProtocol, providerProtocol } from './protocols.js';

/** The port of each protocol that an application's instance serves. */
export type Endpoints = Readonly<Partial<Record<ProviderProtocol, number>>>;

const maxLength = 4096;
const maxEndpoints = 16;

/**
 * An application-level instance's `dubbo.endpoints`, as
 * `[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"}]` (ServiceInstanceMetadataUtils). Of two endpoints
 * with one protocol the first counts. undefined when there is none that we know.
 */
export function parseEndpoints(text: unknown): Endpoints | undefined {
  if (typeof text !== 'string' || text.length > maxLength) return undefined;
  let endpoints: unknown;
  try {
    endpoints = JSON.parse(text);
  } catch {
    // Not Dubbo's then: the instance is read as any other.
    return undefined;
  }
  if (!Array.isArray(endpoints) || endpoints.length > maxEndpoints) return undefined;
  const ports: Partial<Record<ProviderProtocol, number>> = {};
  for (const endpoint of endpoints) {
    if (!isRecord(endpoint) || typeof endpoint['protocol'] !== 'string') continue;
    const protocol = providerProtocol(endpoint['protocol']);
    const port = checkPort(typeof endpoint['port'] === 'number' ? endpoint['port'] : String(endpoint['port']));
    if (protocol && port.ok) ports[protocol] ??= port.port;
  }
  return Object.keys(ports).length === 0 ? undefined : ports;
}
