import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { matchesGlob } from '../catalog/glob.js';

const dot = 0x2e;
const zero = 0x30;

/**
 * Addresses: IP addresses, CIDR blocks, and globs over DNS names.
 * @throws SyntaxError for what is none of these
 */
export class AddressSet {
  /** Of IPv4, as numbers: `BlockList` takes some 20 µs a look, and each instance of a registry is looked at. */
  readonly #ipv4Blocks: { readonly first: number; readonly last: number }[] = [];
  /** Of all, for the IPv6 addresses. */
  readonly #blocks = new BlockList();
  #hasBlocks = false;
  readonly #names: string[] = [];
  readonly #exact = new Set<string>();
  readonly #entries: readonly string[];
  readonly size: number;

  constructor(entries: readonly string[]) {
    this.#entries = entries;
    this.size = entries.length;
    for (const entry of entries) this.#add(entry);
  }

  /** As written, so that two configurations that differ in it alone can be told apart. */
  toJSON(): readonly string[] {
    return this.#entries;
  }

  has(address: string): boolean {
    if (this.size === 0) return false;
    if (isIPv4(address)) {
      const number = ipv4Number(address);
      return this.#ipv4Blocks.some(({ first, last }) => number >= first && number <= last);
    }
    if (isIPv6(address)) return this.#hasBlocks && this.#blocks.check(address, 'ipv6');
    const name = address.toLowerCase();
    return this.#exact.has(name) || this.#names.some((glob) => matchesGlob(glob, name));
  }

  #add(entry: string): void {
    const [address = '', prefix, ...rest] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(address) !== 0 && rest.length === 0) {
      const longest = family === 'ipv6' ? 128 : 32;
      const length = prefix === undefined ? longest : /^[0-9]{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
      if (!(length <= longest)) throw new SyntaxError(`the prefix of a CIDR block is a number up to ${longest}`);
      this.#blocks.addSubnet(address, length, family);
      this.#hasBlocks = true;
      if (family === 'ipv4') this.#ipv4Blocks.push(ipv4Block(address, length));
      return;
    }
    if (!/^[A-Za-z0-9*](?:[A-Za-z0-9.*_-]{0,251}[A-Za-z0-9*])?$/.test(entry) || /^[0-9./]+$/.test(entry)) {
      throw new SyntaxError('expected an IP address, a CIDR block as 10.0.0.0/8, or a DNS name, * for any characters');
    }
    const name = entry.toLowerCase();
    if (name.includes('*')) this.#names.push(name);
    else this.#exact.add(name);
  }
}

/** Of an address in dotted decimal. */
function ipv4Number(address: string): number {
  let number = 0;
  let part = 0;
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index);
    if (code === dot) {
      number = number * 256 + part;
      part = 0;
    } else {
      part = part * 10 + code - zero;
    }
  }
  return number * 256 + part;
}

function ipv4Block(address: string, length: number): { readonly first: number; readonly last: number } {
  const size = 2 ** (32 - length);
  const first = Math.floor(ipv4Number(address) / size) * size;
  return { first, last: first + size - 1 };
}
