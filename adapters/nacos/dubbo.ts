import { checkPort } from '../../core/model/address.js';
import { isRecord } from '../../core/model/is-record.js';

/** Protocols of Dubbo providers that the catalog takes; the port's name is the same. */
export const dubboProtocols = ['dubbo', 'tri', 'rest'] as const;
export type DubboProtocol = (typeof dubboProtocols)[number];

const endpointsKey = 'dubbo.endpoints';
const maxEndpoints = 16;
const aliases: ReadonlyMap<string, DubboProtocol> = new Map([['triple', 'tri']]);

/** What Dubbo's `NacosRegistry` writes into a service name: `providers:interface:version:group`. */
export interface DubboName {
  readonly interfaceName: string;
  /** Empty when there is none. */
  readonly version: string;
  readonly group: string;
}

/** The parts of an interface-level Dubbo service's name, or undefined for any other service. */
export function parseDubboName(name: string): DubboName | undefined {
  const [category, interfaceName, version = '', group = '', ...rest] = name.split(':');
  if (category !== 'providers' || !interfaceName || rest.length > 0) return undefined;
  return { interfaceName, version, group };
}

/** What Dubbo writes beside its providers: consumers and rules, nothing that serves. */
export function isDubboBookkeeping(name: string): boolean {
  return /^(?:consumers|configurators|routers):/.test(name);
}

export function dubboProtocol(name: string | undefined): DubboProtocol | undefined {
  if (name === undefined) return 'dubbo';
  const lower = name.toLowerCase();
  return aliases.get(lower) ?? dubboProtocols.find((protocol) => protocol === lower);
}

/**
 * The ports of an application-level Dubbo instance, from its metadata `dubbo.endpoints`, as
 * `[{"port":20880,"protocol":"dubbo"},{"port":50051,"protocol":"tri"}]`. Undefined when there are none that we know.
 */
export function dubboEndpoints(
  metadata: Readonly<Record<string, unknown>>,
): Readonly<Partial<Record<DubboProtocol, number>>> | undefined {
  const text = metadata[endpointsKey];
  if (typeof text !== 'string' || text.length > 4096) return undefined;
  let endpoints: unknown;
  try {
    endpoints = JSON.parse(text);
  } catch {
    // Not Dubbo's then: the instance is read as any other.
    return undefined;
  }
  if (!Array.isArray(endpoints) || endpoints.length > maxEndpoints) return undefined;
  const ports: Partial<Record<DubboProtocol, number>> = {};
  for (const endpoint of endpoints) {
    if (!isRecord(endpoint) || typeof endpoint['protocol'] !== 'string') continue;
    const protocol = dubboProtocol(endpoint['protocol']);
    const port = checkPort(typeof endpoint['port'] === 'number' ? endpoint['port'] : String(endpoint['port']));
    if (protocol && port.ok) ports[protocol] ??= port.port;
  }
  return Object.keys(ports).length === 0 ? undefined : ports;
}
