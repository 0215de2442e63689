import { type Consumer, emptyMetadata } from '../../core/plugin/index.js';
import type { ServiceEntry, Upstream } from './entries.js';

/** Who declares to consume what, as the proxies of one service say. */
export type Edges = ReadonlyMap<string, readonly Consumer[]>;

const noEdges: Edges = new Map();
const maxConsumersOfService = 10_000;

/**
 * The upstreams that Connect proxies declare: the proxied service consumes them.
 * @param nameOf name of the upstream in the catalog; undefined for one that is not read
 */
export function edgesOf(
  entries: readonly ServiceEntry[],
  nameOf: (upstream: Upstream, ownDatacenter: string) => string | undefined,
): Edges {
  const edges = new Map<string, Consumer[]>();
  for (const entry of entries) {
    const services = new Set(entry.upstreams.map((upstream) => nameOf(upstream, entry.datacenter)));
    for (const service of services) {
      if (service === undefined) continue;
      const consumers = edges.get(service) ?? [];
      edges.set(service, consumers);
      consumers.push({
        id: [entry.datacenter, entry.node, entry.id].join('/'),
        application: entry.proxied,
        address: entry.address || entry.nodeAddress,
        metadata: emptyMetadata,
      });
    }
  }
  return edges.size === 0 ? noEdges : edges;
}

/** The consumers that all proxies of a source declare together. */
export class DeclaredConsumers {
  readonly #byOrigin = new Map<string, Edges>();
  /** By consumed service: the origins that say something of it. */
  readonly #origins = new Map<string, Set<string>>();
  readonly #publish: (service: string, consumers: readonly Consumer[]) => void;

  constructor(publish: (service: string, consumers: readonly Consumer[]) => void) {
    this.#publish = publish;
  }

  /** Takes over what the proxies of one service say now. @param origin the service, unique within the source */
  set(origin: string, edges: Edges): void {
    const before = this.#byOrigin.get(origin) ?? noEdges;
    if (before.size === 0 && edges.size === 0) return;
    if (edges.size === 0) this.#byOrigin.delete(origin);
    else this.#byOrigin.set(origin, edges);
    for (const service of new Set([...before.keys(), ...edges.keys()])) {
      if (sameConsumers(before.get(service), edges.get(service))) continue;
      this.#note(service, origin, edges.has(service));
      this.#publish(service, this.#consumersOf(service));
    }
  }

  /** Lets go of the origins with this prefix that are not there any more. */
  retain(prefix: string, isThere: (origin: string) => boolean): void {
    for (const origin of [...this.#byOrigin.keys()]) {
      if (origin.startsWith(prefix) && !isThere(origin)) this.set(origin, noEdges);
    }
  }

  #note(service: string, origin: string, says: boolean): void {
    const origins = this.#origins.get(service) ?? new Set();
    if (says) this.#origins.set(service, origins.add(origin));
    else if (origins.delete(origin) && origins.size === 0) this.#origins.delete(service);
  }

  #consumersOf(service: string): readonly Consumer[] {
    const all = [...(this.#origins.get(service) ?? [])].flatMap(
      (origin) => this.#byOrigin.get(origin)?.get(service) ?? [],
    );
    return all.sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, maxConsumersOfService);
  }
}

function sameConsumers(a: readonly Consumer[] = [], b: readonly Consumer[] = []): boolean {
  const key = (consumers: readonly Consumer[]) =>
    consumers
      .map(({ id, application, address }) => `${id} ${application} ${address}`)
      .sort()
      .join('\n');
  return key(a) === key(b);
}
