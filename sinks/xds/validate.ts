import type { CatalogService } from '../../core/catalog/catalog.js';
import { isProtocol } from '../../core/plugin/index.js';
import { isDnsLabel, isDnsName } from '../istio/dns-names.js';

/**
 * Why no client would take what would be made of a service, in the order found; empty when all would. One bad resource
 * has Envoy refuse the whole response that it comes in, and with it every change to other services.
 */
export function serviceProblems({ host, ports }: CatalogService): string[] {
  const problems: string[] = [];
  if (!isDnsName(host)) problems.push(`the host ${quote(host)} is no DNS name in lower case (RFC 1123)`);
  const names = new Set<string>();
  const numbers = new Set<number>();
  for (const { name, number, protocol } of ports) {
    if (!isDnsLabel(name)) problems.push(`the port name ${quote(name)} is no DNS label`);
    if (names.has(name)) problems.push(`the port name ${quote(name)} is there twice`);
    if (!Number.isInteger(number) || number < 1 || number > 65_535) {
      problems.push(`the port ${number} is no whole number from 1 to 65535`);
    }
    if (numbers.has(number)) problems.push(`the port ${number} is there twice`);
    if (!isProtocol(protocol)) problems.push(`the protocol ${quote(protocol)} is unknown`);
    names.add(name);
    numbers.add(number);
  }
  return problems;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
