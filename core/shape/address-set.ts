import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { matchesGlob } from '../catalog/glob.js';

/**
 * Addresses: IP addresses, CIDR blocks, and globs over DNS names.
 * @throws SyntaxError for what is none of these
 */
export class AddressSet {
  readonly #blocks = new BlockList();
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
    if (isIPv4(address)) return this.#blocks.check(address, 'ipv4');
    if (isIPv6(address)) return this.#blocks.check(address, 'ipv6');
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
