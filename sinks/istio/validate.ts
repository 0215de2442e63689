import { type ServiceEntry, ServiceEntry_Resolution, type WorkloadEntry } from '../../proto/gen/service_entry.js';
import { isDnsLabel, isDnsName } from './dns-names.js';
import { isIpAddress, isPortNumber } from './endpoints.js';
import { isLabelKey, isLabelValue } from './labels.js';
import { istioProtocols } from './ports.js';

const knownProtocols = new Set(Object.values(istioProtocols));

/**
 * Why istiod would not take this ServiceEntry, in the order found; empty when it would. istiod skips an invalid
 * resource with no word to its sender, so that what it refuses has to be known here.
 * Source: `ValidateServiceEntry` in istio/istio, pkg/config/validation/validation.go.
 */
export function validateServiceEntry(entry: ServiceEntry): string[] {
  return [
    ...hostProblems(entry),
    ...portProblems(entry),
    ...entry.endpoints.flatMap((endpoint) => endpointProblems(entry, endpoint)),
    ...exportToProblems(entry.exportTo),
  ];
}

/** The same for all entries of one host: what each is refused for, and ports that two of them have. */
export function validateServiceEntries(entries: readonly ServiceEntry[]): string[] {
  const [first] = entries;
  if (!first) return [];
  const problems = entries.flatMap(validateServiceEntry);
  const together = portProblems({ ...first, ports: entries.flatMap(({ ports }) => ports) });
  return [...new Set([...problems, ...together])];
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
  for (const { name, number, protocol } of entry.ports) {
    if (!isDnsLabel(name)) problems.push(`the port name ${quote(name)} is no DNS label`);
    if (names.has(name)) problems.push(`the port name ${quote(name)} is there twice`);
    if (!isPortNumber(number)) problems.push(`the port ${number} is no whole number from 1 to 65535`);
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
  if (isName && entry.resolution !== ServiceEntry_Resolution.DNS) problems.push(`${at} is no IP address`);
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

/** Why a list of namespaces cannot be an `exportTo`: `.` is the resource's own, `*` all, `~` none. */
export function exportToProblems(exportTo: readonly string[]): string[] {
  const problems: string[] = [];
  for (const namespace of exportTo) {
    if (!['.', '*', '~'].includes(namespace) && !isDnsLabel(namespace)) {
      problems.push(`exportTo: ${quote(namespace)} is neither a namespace nor one of . * ~`);
    }
  }
  if (new Set(exportTo).size !== exportTo.length) problems.push('exportTo names a namespace twice');
  if (exportTo.length > 1 && (exportTo.includes('*') || exportTo.includes('~'))) {
    problems.push('exportTo: * and ~ stand alone');
  }
  return problems;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
