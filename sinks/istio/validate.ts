import { type ServiceEntry, ServiceEntry_Resolution, type WorkloadEntry } from '../../proto/gen/service_entry.js';
import { isDnsLabel, isDnsName } from './dns-names.js';
import { isIpAddress, isPortNumber } from './endpoints.js';
import { exportToProblems } from './export-to.js';
import { isLabelKey, isLabelValue } from './labels.js';
import { istioProtocols } from './ports.js';
import type { NamedEntry } from './service-entry.js';

const maxResourceName = 253;
const knownProtocols = new Set(Object.values(istioProtocols));

/**
 * Why istiod would not take this ServiceEntry, in the order found; empty when it would. istiod skips an invalid
 * resource with no word to its sender, so that what it refuses has to be known here.
 * Source: `ValidateServiceEntry` in istio/istio, pkg/config/validation/validation.go.
 */
export function validateServiceEntry(entry: ServiceEntry): string[] {
  return [
    ...hostProblems(entry),
    ...addressProblems(entry),
    ...portProblems(entry),
    ...resolutionProblems(entry),
    ...entry.endpoints.flatMap((endpoint) => endpointProblems(entry, endpoint)),
    ...exportToProblems(entry.exportTo),
  ];
}

/** The same for all entries of one host: what each is refused for, and ports that two of them have. */
export function validateServiceEntries(named: readonly NamedEntry[]): string[] {
  const entries = named.map(({ entry }) => entry);
  const [first] = entries;
  if (!first) return [];
  const problems = entries.flatMap(validateServiceEntry);
  const together = portProblems({ ...first, ports: entries.flatMap(({ ports }) => ports) });
  const all = new Set([...problems, ...together]);
  // Names are made of hosts: a bad host is told once.
  return all.size > 0 ? [...all] : named.flatMap(({ name }) => nameProblems(name));
}

/** Why a resource cannot have this name (without its namespace): istiod splits `namespace/name` at the slash, Kubernetes takes DNS names. */
export function nameProblems(name: string): string[] {
  const isName = name.length <= maxResourceName && name.split('.').every(isDnsLabel);
  return isName ? [] : [`the resource's name ${quote(name)} is no DNS name in lower case`];
}

function addressProblems({ addresses, resolution }: ServiceEntry): string[] {
  return addresses.flatMap((address) => {
    const [ip = '', bits, ...rest] = address.split('/');
    const version = isIpAddress(ip) ? (ip.includes(':') ? 128 : 32) : 0;
    const isBits = bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= version);
    if (version === 0 || !isBits || rest.length > 0) return [`the address ${quote(address)} is no IP address or block`];
    const isAllowed =
      bits === undefined ||
      resolution === ServiceEntry_Resolution.STATIC ||
      resolution === ServiceEntry_Resolution.NONE;
    return isAllowed ? [] : [`the address ${quote(address)} is a block, for STATIC and NONE alone`];
  });
}

function resolutionProblems({ resolution, endpoints }: ServiceEntry): string[] {
  switch (resolution) {
    case ServiceEntry_Resolution.STATIC:
    case ServiceEntry_Resolution.DNS:
      return [];
    case ServiceEntry_Resolution.NONE:
      return endpoints.length === 0 ? [] : ['the resolution NONE has no endpoints'];
    case ServiceEntry_Resolution.DNS_ROUND_ROBIN:
      return endpoints.length <= 1 ? [] : ['the resolution DNS_ROUND_ROBIN has one endpoint at most'];
    default:
      return [`the resolution ${resolution} is unknown`];
  }
}

function hostProblems(entry: ServiceEntry): string[] {
  if (entry.hosts.length !== 1) return ['there must be one host'];
  const host = entry.hosts[0] ?? '';
  return isDnsName(host) ? [] : [`the host ${quote(host)} is no DNS name in lower case (RFC 1123)`];
}

function portProblems(entry: ServiceEntry): string[] {
  const problems: string[] = [];
  const names = new Set<string>();
  const numbers = new Set<number>();
  for (const { name, number, protocol, targetPort } of entry.ports) {
    if (!isDnsLabel(name)) problems.push(`the port name ${quote(name)} is no DNS label`);
    if (names.has(name)) problems.push(`the port name ${quote(name)} is there twice`);
    if (!isPortNumber(number)) problems.push(`the port ${number} is no whole number from 1 to 65535`);
    if (targetPort !== 0 && !isPortNumber(targetPort)) problems.push(`the target port ${targetPort} is no port`);
    if (numbers.has(number)) problems.push(`the port ${number} is there twice`);
    if (!knownProtocols.has(protocol)) problems.push(`the protocol ${quote(protocol)} is unknown`);
    names.add(name);
    numbers.add(number);
  }
  return problems;
}

function endpointProblems(entry: ServiceEntry, endpoint: WorkloadEntry): string[] {
  const problems: string[] = [];
  const at = `the endpoint ${quote(endpoint.address)}`;
  const isName = !isIpAddress(endpoint.address);
  if (isName && entry.resolution === ServiceEntry_Resolution.STATIC) problems.push(`${at} is no IP address`);
  if (isName && !isDnsName(endpoint.address)) problems.push(`${at} is neither an IP address nor a DNS name`);
  for (const [name, number] of Object.entries(endpoint.ports)) {
    if (!entry.ports.some((port) => port.name === name)) problems.push(`${at} has the unknown port ${quote(name)}`);
    if (!isPortNumber(number)) problems.push(`${at} has the port ${number}`);
  }
  for (const [key, value] of Object.entries(endpoint.labels)) {
    if (!isLabelKey(key) || !isLabelValue(value)) problems.push(`${at} has the invalid label ${quote(key)}`);
  }
  if (!Number.isInteger(endpoint.weight) || endpoint.weight < 0 || endpoint.weight > 0xffff_ffff) {
    problems.push(`${at} has the weight ${endpoint.weight}`);
  }
  return problems;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
