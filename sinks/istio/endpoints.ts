import { isIP } from 'node:net';
import { activeInstances, type CatalogService } from '../../core/catalog/catalog.js';
import { type Instance, isServing, type Locality } from '../../core/model/index.js';
import type { WorkloadEntry } from '../../proto/gen/service_entry.js';
import { isDnsName } from './dns-names.js';
import { isLabelValue, pickLabels } from './labels.js';

/** A part of a service that istiod would not take, or would misread; the rest of the service is served. */
export interface Defect {
  /** `endpoint`: left out. `label`: the endpoint goes without it. `port`: the endpoint cannot say that it lacks it. */
  readonly part: 'endpoint' | 'label' | 'port';
  /** Id of the instance. */
  readonly instance: string;
  readonly reason: string;
}

export interface IstioEndpoints {
  /** By address, then port. */
  readonly endpoints: WorkloadEntry[];
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
 * @param labelKeys metadata keys that become labels
 */
export function istioEndpoints(
  service: CatalogService,
  portNames: ReadonlyMap<string, string>,
  labelKeys: readonly string[],
): IstioEndpoints {
  const defects: Defect[] = [];
  const found: { key: string; id: string; entry: WorkloadEntry }[] = [];
  for (const { instance } of activeInstances(service)) {
    if (!isServing(instance)) continue;
    const entry = toEndpoint(instance, portNames, labelKeys, defects);
    if (entry) found.push({ key: sortKey(entry), id: instance.id, entry });
  }
  found.sort((a, b) => compare(a.key, b.key) || compare(a.id, b.id));
  const endpoints: WorkloadEntry[] = [];
  let hasNames = false;
  let previous: string | undefined;
  for (const { key, id, entry } of found) {
    if (key === previous) {
      defects.push({ part: 'endpoint', instance: id, reason: 'another instance has the same address and ports' });
      continue;
    }
    previous = key;
    hasNames ||= !isIpAddress(entry.address);
    endpoints.push(entry);
  }
  return { endpoints, hasNames, defects };
}

function toEndpoint(
  instance: Instance,
  portNames: ReadonlyMap<string, string>,
  labelKeys: readonly string[],
  defects: Defect[],
): WorkloadEntry | undefined {
  const defect = (part: Defect['part'], reason: string) => {
    defects.push({ part, instance: instance.id, reason });
  };
  const network = instance.network ?? '';
  const ports: Record<string, number> = {};
  const lacking: string[] = [];
  for (const [name, istioName] of portNames) {
    const number = Object.hasOwn(instance.ports, name) ? instance.ports[name] : undefined;
    if (number === undefined) lacking.push(name);
    else ports[istioName] = number;
  }
  const refusal = refusalOf(instance, network, ports, portNames.size - lacking.length);
  if (refusal !== undefined) {
    defect('endpoint', refusal);
    return undefined;
  }
  // istiod dials the service's own number where an endpoint does not name its port; there is no way to say "not here".
  for (const name of lacking) defect('port', `it lacks port ${name}; istiod dials the service's number there`);
  const { labels, refused } = pickLabels(instance.metadata, labelKeys);
  for (const key of refused) defect('label', `the value of ${key} cannot be a label`);
  const locality = localityText(instance.locality);
  if (locality.length > maxLocalityLength) defect('label', 'the locality is too long');
  return {
    address: instance.address,
    ports,
    labels,
    network,
    locality: locality.length > maxLocalityLength ? '' : locality,
    weight: instance.weight,
    serviceAccount: '',
  };
}

function refusalOf(
  instance: Instance,
  network: string,
  ports: Readonly<Record<string, number>>,
  portCount: number,
): string | undefined {
  const { address, weight } = instance;
  if (!isIpAddress(address) && !isDnsName(address)) return 'the address is neither an IP address nor a DNS name';
  if (portCount === 0) return 'it has none of the ports of its service';
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

function sortKey(entry: WorkloadEntry): string {
  let key = entry.address;
  for (const name in entry.ports) key += ` ${name}=${entry.ports[name]}`;
  return entry.network === '' ? key : `${key} @${entry.network}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
