import { matchesGlob } from '../../core/plugin/index.js';
import type { Answer } from './client.js';
import type { ConsulConfig } from './config.js';
import { ConsulError } from './consul-error.js';
import { decodeNodes, decodeServices } from './lists.js';

/** Decides which of a datacenter's lists can be believed, and what of them is read. */
export class ListGuard {
  readonly #config: ConsulConfig;
  readonly #server: string;
  /** Whether no service at all is a state that a registry can be in. */
  readonly #mayBeEmpty: boolean;

  /** @param namespace undefined: that of the token */
  constructor(config: ConsulConfig, server: string, namespace: string | undefined) {
    this.#config = config;
    this.#server = server;
    const isDefault = [namespace, config.partition].every((name) => name === undefined || name === 'default');
    this.#mayBeEmpty = !isDefault || Object.keys(config.nodeMeta).length > 0;
  }

  /**
   * The services to read, with their tags. A datacenter has one at least, `consul`, which its servers are: only the list
   * of another namespace, or of chosen nodes, can be empty.
   * @throws ConsulError
   */
  services(answer: Answer): ReadonlyMap<string, readonly string[]> {
    const all = decodeServices(answer.parse());
    if (all.size === 0 && answer.hidden !== 'nothing') {
      throw new ConsulError('hidden', this.#hiddenMessage('services', 'service:read'));
    }
    if (all.size === 0 && !this.#mayBeEmpty) {
      throw new ConsulError('unavailable', `${this.#server}: the catalog has no service, not even its own`);
    }
    const wanted = new Map<string, readonly string[]>();
    for (const [name, has] of all) if (isRead(name, has, this.#config)) wanted.set(name, has);
    return wanted;
  }

  /** Nodes with their indexes. A datacenter has one at least: the server that answers. @throws ConsulError */
  nodes(answer: Answer): ReadonlyMap<string, number> {
    const nodes = decodeNodes(answer.parse());
    if (nodes.size > 0) return nodes;
    if (answer.hidden !== 'nothing') throw new ConsulError('hidden', this.#hiddenMessage('nodes', 'node:read'));
    const missing =
      Object.keys(this.#config.nodeMeta).length > 0 ? 'no node with the metadata asked for' : 'no node yet';
    throw new ConsulError('unavailable', `${this.#server}: the catalog has ${missing}`);
  }

  #hiddenMessage(what: string, permission: string): string {
    const who = this.#config.token ? 'the token' : 'a caller with no token';
    return `${this.#server}: ACLs hide all ${what} from ${who}; it needs ${permission}`;
  }
}

/** Whether a service with these tags is one to read. */
export function isRead(
  name: string,
  has: readonly string[],
  { include, exclude, tags }: Pick<ConsulConfig, 'include' | 'exclude' | 'tags'>,
): boolean {
  if (!include.some((pattern) => matchesGlob(pattern, name))) return false;
  if (exclude.some((pattern) => matchesGlob(pattern, name))) return false;
  return tags.every((tag) => has.includes(tag));
}

/** What operators should know of a list that was believed; undefined when ACLs have hidden nothing. */
export function hiddenNotice(answer: Answer): string | undefined {
  switch (answer.hidden) {
    case 'nothing':
      return undefined;
    case 'some':
      return 'ACLs filter the answers: services and nodes that the token may not read are not seen';
    case 'unknown':
      return 'no token is configured, and Consul denies by default without telling what it has left out';
  }
}
