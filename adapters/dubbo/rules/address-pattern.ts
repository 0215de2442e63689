import { BlockList, isIP } from 'node:net';
import { checkAddress } from '../../../core/plugin/index.js';

export type AddressMatcher = (host: string, port: number) => boolean;

const segment = /^(?:\*|[0-9]{1,3}|[0-9]{1,3}-[0-9]{1,3})$/;
const maxLength = 255;

/**
 * An address in a rule as NetUtils.matchIpExpression reads it: `*`, an IP address, `10.0.0.*`, `10.0.0.1-63`, a CIDR
 * range, each but the first and last with `:port` if wanted. Beyond Dubbo, which looks it up, a DNS name equals itself.
 * Ranges and stars within IPv6 are not read.
 * @returns undefined for what is none of these
 */
export function addressPattern(text: string): AddressMatcher | undefined {
  const pattern = text.trim();
  if (pattern === '*' || pattern === '*.*.*.*') return () => true;
  if (pattern === '' || pattern.length > maxLength) return undefined;
  if (pattern.includes('/')) return range(pattern);
  const { host, port } = splitPort(pattern);
  if (port !== undefined && port !== '*' && !/^[0-9]{1,5}$/.test(port)) return undefined;
  const matchesHost = hostPattern(host);
  if (matchesHost === undefined) return undefined;
  if (port === undefined || port === '*') return (address) => matchesHost(address);
  return (address, number) => number === Number(port) && matchesHost(address);
}

/** Host and port of `host:port`; IPv6 has a port only behind brackets. */
export function splitPort(text: string): { host: string; port: string | undefined } {
  const end = text.lastIndexOf(':');
  const isBare6 = text.indexOf(':') !== end && !text.startsWith('[');
  const host = end < 0 || isBare6 || text.endsWith(']') ? text : text.slice(0, end);
  const port = host === text ? undefined : text.slice(end + 1);
  return { host: host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host, port };
}

function hostPattern(host: string): ((address: string) => boolean) | undefined {
  const parts = host.split('.');
  const hasExpression =
    host.includes('*') || (parts.length === 4 && host.includes('-') && parts.every((p) => segment.test(p)));
  if (hasExpression) {
    if (parts.length !== 4 || !parts.every((part) => segment.test(part))) return undefined;
    return (address) => matchesSegments(parts, address);
  }
  const checked = checkAddress(host);
  // The unspecified address is no address of an instance, and equals none.
  if (!checked.ok) return isIP(host) === 0 ? undefined : () => false;
  return (address) => address === checked.address;
}

function matchesSegments(pattern: readonly string[], address: string): boolean {
  if (isIP(address) !== 4) return false;
  return address.split('.').every((part, index) => {
    const wanted = pattern[index] ?? '';
    const dash = wanted.indexOf('-');
    if (wanted === '*') return true;
    if (dash < 0) return Number(wanted) === Number(part);
    return Number(part) >= Number(wanted.slice(0, dash)) && Number(part) <= Number(wanted.slice(dash + 1));
  });
}

function range(pattern: string): AddressMatcher | undefined {
  const slash = pattern.indexOf('/');
  const network = pattern.slice(0, slash);
  const bits = pattern.slice(slash + 1);
  const version = isIP(network);
  if (version === 0 || !/^[0-9]{1,3}$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), version === 4 ? 'ipv4' : 'ipv6');
  return (address) => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}
