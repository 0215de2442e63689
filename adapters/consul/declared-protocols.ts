import { isRecord } from '../../core/model/is-record.js';
import type { Answer } from './client.js';
import { isServiceProtocol, type ServiceProtocol } from './config.js';
import { asRows } from './entries.js';
import type { DeclaredProtocol } from './protocol.js';

/** Kinds of Consul's configuration entries that name protocols. */
export const protocolEntryKinds = ['service-defaults', 'proxy-defaults'] as const;
export type ProtocolEntryKind = (typeof protocolEntryKinds)[number];

const maxEntries = 100_000;

/** What the configuration entries of one datacenter say of protocols; kept over sessions. */
export class DeclaredProtocols {
  #own: ReadonlyMap<string, ServiceProtocol> = new Map();
  #global: ServiceProtocol | undefined;

  of(service: string): DeclaredProtocol {
    return { own: this.#own.get(service), global: this.#global };
  }

  /**
   * Takes over a list of entries. One that ACLs have shortened takes nothing back: what is missing in it may be there.
   * @returns names of the services that are of another protocol now; `all` after a change of the global one
   * @throws ConsulError `malformed`
   */
  take(kind: ProtocolEntryKind, answer: Answer): ReadonlySet<string> | 'all' {
    const entries = decodeProtocolEntries(kind, answer.parse());
    const isWhole = answer.hidden === 'nothing';
    if (kind === 'proxy-defaults') {
      const global = entries.get('global');
      if (global === this.#global || (global === undefined && !isWhole)) return new Set();
      this.#global = global;
      return 'all';
    }
    const before = this.#own;
    this.#own = isWhole ? entries : new Map([...before, ...entries]);
    const changed = new Set<string>();
    for (const name of new Set([...before.keys(), ...this.#own.keys()])) {
      if (before.get(name) !== this.#own.get(name)) changed.add(name);
    }
    return changed;
  }
}

/** `/v1/config/<kind>`: protocols by the entry's name; an entry without one, or with one that is not known, has none. */
export function decodeProtocolEntries(kind: ProtocolEntryKind, body: unknown): Map<string, ServiceProtocol> {
  const protocols = new Map<string, ServiceProtocol>();
  for (const row of asRows(body, 'configuration entries').slice(0, maxEntries)) {
    if (!isRecord(row) || typeof row['Name'] !== 'string') continue;
    // What `proxy-defaults` says of the protocol stands among the proxies' own settings.
    const named = kind === 'service-defaults' ? row['Protocol'] : isRecord(row['Config']) && row['Config']['protocol'];
    const protocol = typeof named === 'string' ? named.toLowerCase() : '';
    if (isServiceProtocol(protocol)) protocols.set(row['Name'], protocol);
  }
  return protocols;
}
