import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** The address as the catalog writes it, or why it cannot be one. The reason never repeats the input. */
export type AddressCheck =
  | { readonly ok: true; readonly address: string }
  | { readonly ok: false; readonly reason: string };

export type PortCheck = { readonly ok: true; readonly port: number } | { readonly ok: false; readonly reason: string };

const maxNameLength = 253;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const mappedIpv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;
const decimal = /^[1-9][0-9]{0,4}$/;

/**
 * Checks an instance's address from a registry and writes it in its one form: IPv4 as it is, IPv6 without brackets in
 * the form of RFC 5952 (mapped IPv4 becomes IPv4), a DNS name (RFC 1123) in lower case with no final dot.
 *
 * Refused, since traffic sent there reaches nobody or somebody else: nothing at all, the unspecified address (0.0.0.0/8,
 * ::), multicast and broadcast, link-local (169.254/16, where clouds serve credentials, and fe80::/10), zone ids, and
 * what resolvers read as IPv4 though it is not written as one (`127.1`, `0x7f000001`, `010.0.0.1`).
 */
export function checkAddress(text: string): AddressCheck {
  if (text === '') return refuse('the address is empty');
  if (isIPv4(text)) return checkIpv4(text);
  if (text.length > maxNameLength + 2) return refuse('the address is too long');
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (bare.includes('%')) return refuse('the address has a zone id');
  if (isIPv6(bare)) return checkIpv6(bare);
  if (bare !== text || text.includes(':')) return refuse('the address is no valid IPv6 address');
  return checkName(text);
}

/** A port from a registry: a number, or text in plain decimal (no sign, space, leading zero or exponent), 1 to 65535. */
export function checkPort(value: string | number): PortCheck {
  const port = typeof value === 'number' ? value : decimal.test(value) ? Number(value) : Number.NaN;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    return { ok: false, reason: 'the port is no whole number from 1 to 65535' };
  }
  return { ok: true, port };
}

function refuse(reason: string): AddressCheck {
  return { ok: false, reason };
}

function checkIpv4(address: string): AddressCheck {
  const dot = address.indexOf('.');
  const first = Number(address.slice(0, dot));
  if (first === 0) return refuse('the address is unspecified (0.0.0.0/8)');
  if (first >= 224 && first <= 239) return refuse('the address is multicast');
  if (address === '255.255.255.255') return refuse('the address is broadcast');
  if (address.startsWith('169.254.')) return refuse('the address is link-local');
  return { ok: true, address };
}

function checkIpv6(text: string): AddressCheck {
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const mapped = mappedIpv4.exec(address)?.[1];
  if (mapped !== undefined) return checkIpv4(mapped);
  if (address === '::') return refuse('the address is unspecified (::)');
  const head = address.startsWith(':') ? 0 : Number.parseInt(address, 16);
  if (head >= 0xff00) return refuse('the address is multicast');
  if (head >= 0xfe80 && head <= 0xfebf) return refuse('the address is link-local');
  return { ok: true, address };
}

function checkName(text: string): AddressCheck {
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase();
  if (name.length > maxNameLength) return refuse('the address is too long');
  const labels = name.split('.');
  if (!labels.every((part) => label.test(part))) return refuse('the address is neither an IP address nor a DNS name');
  // WHATWG URL, "ends in a number": resolvers take such a name for an IPv4 address in octal, hex or short form.
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) return refuse('the address is no valid IPv4 address');
  return { ok: true, address: name };
}
