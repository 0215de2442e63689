import { isIP } from 'node:net';
import { activeInstances, type CatalogService } from '../../core/catalog/catalog.js';
import { type Instance, isServing, type Locality } from '../../core/model/index.js';
import type { WorkloadEntry } from '../../proto/gen/service_entry.js';
import { isDnsName } from './dns-names.js';
import { isLabelValue } from './labels.js';
import type { ServiceSettings } from './settings.js';

/** A part of a service that istiod would not take, or would misread; the rest of the service is served. */
export interface Defect {
  /** `endpoint`: left out. `label`: the endpoint, or the service, goes without it. */
  readonly part: 'endpoint' | 'label';
  /** Id of the instance; empty: it is about the service. */
  readonly instance: string;
  readonly reason: string;
}

export interface IstioEndpoints {
  /** With all ports that each has, in no order. */
  readonly endpoints: readonly WorkloadEntry[];
  /** Whether an address is a DNS name, so that the resolution cannot be STATIC. */
  readonly hasNames: boolean;
  readonly defects: readonly Defect[];
}

const maxLocalityLength = 253;
const maxWeight = 0xffff_ffff;

/** Whether istiod takes the address for an IP address: no brackets, no zone. */
export function isIpAddress(address: string): boolean {
  return isIP(address) !== 0 && !address.includes('%');
}

/**
 * The instances that may take traffic as endpoints.
 * @param portNames port name of the catalog → name in the ServiceEntry
 */
export function istioEndpoints(
  service: CatalogService,
  portNames: ReadonlyMap<string, string>,
  settings: ServiceSettings,
): IstioEndpoints {
  const defects: Defect[] = [];
  const endpoints: WorkloadEntry[] = [];
  const seen = new Set<string>();
  for (const { instance } of activeInstances(service)) {
    if (!isServing(instance)) continue;
    const endpoint = toEndpoint(instance, portNames, settings, defects);
    if (!endpoint) continue;
    const key = endpointKey(endpoint);
    if (seen.has(key)) {
      const reason = 'another instance has the same address and ports';
      defects.push({ part: 'endpoint', instance: instance.id, reason });
      continue;
    }
    seen.add(key);
    endpoints.push(endpoint);
  }
  const hasNames = endpoints.some(({ address }) => !isIpAddress(address));
  return { endpoints, hasNames, defects };
}

/**
 * The endpoints that have a port, with that port alone: by address, then port. Two processes at one address that share
 * it (as two protocols of one provider may) are one.
 */
export function endpointsOfPort(endpoints: readonly WorkloadEntry[], portName: string): WorkloadEntry[] {
  const byKey = new Map<string, WorkloadEntry>();
  for (const endpoint of endpoints) {
    const number = endpoint.ports[portName];
    if (number === undefined) continue;
    const only = { ...endpoint, ports: { [portName]: number } };
    const key = endpointKey(only);
    const known = byKey.get(key);
    // Whichever comes first must not decide: replicas hold the same instances, and may hold them in another order.
    if (!known || JSON.stringify(only) < JSON.stringify(known)) byKey.set(key, only);
  }
  return [...byKey].sort(([a], [b]) => compare(a, b)).map(([, endpoint]) => endpoint);
}

function toEndpoint(
  instance: Instance,
  portNames: ReadonlyMap<string, string>,
  settings: ServiceSettings,
  defects: Defect[],
): WorkloadEntry | undefined {
  const defect = (part: Defect['part'], reason: string) => {
    defects.push({ part, instance: instance.id, reason });
  };
  const network = instance.network ?? '';
  const ports: Record<string, number> = {};
  for (const [name, istioName] of portNames) {
    const number = Object.hasOwn(instance.ports, name) ? instance.ports[name] : undefined;
    if (number !== undefined) ports[istioName] = number;
  }
  const refusal = refusalOf(instance, network, ports);
  if (refusal !== undefined) {
    defect('endpoint', refusal);
    return undefined;
  }
  const { labels, refused } = settings.labels.pick(instance.metadata);
  for (const key of refused) defect('label', `the value of ${key} cannot be a label`);
  const locality = localityText(instance.locality);
  const refusedPlace = refusalOfPlace(locality);
  if (refusedPlace !== undefined) defect('label', refusedPlace);
  return {
    address: instance.address,
    ports,
    labels: Object.keys(settings.addLabels).length === 0 ? labels : sorted({ ...labels, ...settings.addLabels }),
    network,
    locality: refusedPlace === undefined ? locality : '',
    weight: instance.weight,
    serviceAccount: '',
  };
}

/** In the order of the keys, which is that of the bytes. */
function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => compare(a, b)));
}

function refusalOf(instance: Instance, network: string, ports: Readonly<Record<string, number>>): string | undefined {
  const { address, weight } = instance;
  if (!isIpAddress(address) && !isDnsName(address)) return 'the address is neither an IP address nor a DNS name';
  if (Object.keys(ports).length === 0) return 'it has none of the ports of its service';
  for (const number of Object.values(ports)) {
    if (!isPortNumber(number)) return 'a port is no whole number from 1 to 65535';
  }
  if (!Number.isInteger(weight) || weight > maxWeight) return 'the weight is no whole number of 32 bits';
  // Without its network the address would be taken for one of the mesh's own.
  if (!isLabelValue(network)) return 'the network cannot be a label';
  return undefined;
}

export function isPortNumber(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= 65_535;
}

/** `region/zone/subzone` without what is unknown at its end. */
function localityText(locality: Locality | undefined): string {
  if (!locality) return '';
  const parts = [locality.region, locality.zone, locality.subzone].map((part) => part.replaceAll('/', '-'));
  return parts.join('/').replace(/\/+$/, '');
}

function refusalOfPlace(locality: string): string | undefined {
  if (locality.length > maxLocalityLength) return 'the locality is too long';
  return /[\p{Cc}\p{Cf}\p{Cs}]/u.test(locality) ? 'the locality has control characters' : undefined;
}

function endpointKey(entry: WorkloadEntry): string {
  let key = entry.address;
  for (const name in entry.ports) key += ` ${name}=${entry.ports[name]}`;
  return entry.network === '' ? key : `${key} @${entry.network}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
