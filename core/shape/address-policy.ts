import { AddressSet } from './address-set.js';

/** Which addresses a source may send traffic to. */
export interface AddressPolicy {
  /** When there are any, an address has to be one of them. */
  readonly allow: AddressSet;
  readonly deny: AddressSet;
  /** Whether this machine's own addresses are let through: a registry that names them would make each proxy call itself. */
  readonly loopback: boolean;
}

const loopback = new AddressSet(['127.0.0.0/8', '::1', 'localhost', '*.localhost']);

/**
 * Why an address is not to be published, or undefined. Unspecified, multicast, broadcast and link-local addresses do not
 * come this far: `checkAddress` refuses them whatever the policy.
 */
export function refusedBy(policy: AddressPolicy, address: string): string | undefined {
  if (policy.deny.has(address)) return 'the address is denied by the address policy of the source';
  if (policy.allow.size > 0) {
    return policy.allow.has(address) ? undefined : 'the address is not allowed by the address policy of the source';
  }
  if (!policy.loopback && loopback.has(address)) return 'the address is loopback (addresses.loopback allows it)';
  return undefined;
}
