import {
  type InstanceResource,
  type Page,
  type ServiceResource,
  toInstanceResources,
  toServiceResource,
} from '../../core/api/resources.js';
import type { Catalog, CatalogService } from '../../core/catalog/catalog.js';
import { matchesGlob } from '../../core/catalog/glob.js';
import { HttpProblem } from '../../core/plugin/index.js';
import { allowOnly, type Query, wholeNumber } from './query.js';

const defaultLimit = 500;
const maxLimit = 5000;
const maxFilterLength = 512;

/** Which services of the catalog a caller asked for. */
export interface ServiceFilter {
  /** Name of a source that has a part in the service. */
  readonly source?: string;
  /** Glob over hosts. */
  readonly host?: string;
}

export const filterParameters = ['source', 'host'] as const;

export function serviceFilter(query: Query): ServiceFilter {
  const { source, host } = query;
  for (const value of [source, host]) {
    if ((value?.length ?? 0) > maxFilterLength) throw new HttpProblem(400, 'Bad Request', 'the filter is too long');
  }
  return {
    ...(source === undefined ? {} : { source }),
    ...(host === undefined ? {} : { host: host.toLowerCase() }),
  };
}

export function matchesFilter(service: CatalogService, { source, host }: ServiceFilter): boolean {
  if (host !== undefined && !matchesGlob(host, service.host)) return false;
  return source === undefined || service.origins.some((origin) => origin.source === source);
}

/** Lists a catalog in pages, by host. */
export class Listing {
  readonly #catalog: Pick<Catalog, 'snapshot'>;
  #hosts: readonly string[] = [];
  #hostsOf: { readonly revision: number; readonly size: number } | undefined;

  constructor(catalog: Pick<Catalog, 'snapshot'>) {
    this.#catalog = catalog;
  }

  services(query: Query): Page<ServiceResource> {
    allowOnly(query, [...filterParameters, 'limit', 'continue', 'watch']);
    return this.#page(query, (service) => [toServiceResource(service)]);
  }

  /** A page ends with a whole service, so it may hold more than its limit. */
  instances(query: Query): Page<InstanceResource> {
    allowOnly(query, [...filterParameters, 'limit', 'continue']);
    const { source } = query;
    return this.#page(query, (service) => {
      const all = [...toInstanceResources(service)];
      return source === undefined ? all : all.filter((instance) => instance.source === source);
    });
  }

  service(host: string): ServiceResource {
    const service = this.#catalog.snapshot().services.get(host.toLowerCase());
    if (!service) throw new HttpProblem(404, 'Not Found', 'no service has this host');
    return toServiceResource(service);
  }

  #page<Item>(query: Query, itemsOf: (service: CatalogService) => readonly Item[]): Page<Item> {
    const filter = serviceFilter(query);
    const limit = wholeNumber(query, 'limit', defaultLimit, 1, maxLimit);
    const { revision, services } = this.#catalog.snapshot();
    const hosts = this.#sortedHosts();
    const items: Item[] = [];
    let last = '';
    for (let index = startAfter(hosts, query['continue']); index < hosts.length; index++) {
      const service = services.get(hosts[index] ?? '');
      if (!service || !matchesFilter(service, filter)) continue;
      if (items.length >= limit) return { revision, items, continue: Buffer.from(last).toString('base64url') };
      items.push(...itemsOf(service));
      last = service.host;
    }
    return { revision, items };
  }

  /** Sorted once a revision, not once a request. */
  #sortedHosts(): readonly string[] {
    const { revision, services } = this.#catalog.snapshot();
    // The size too: the first revision may be seen before and after the catalog is ready.
    if (this.#hostsOf?.revision !== revision || this.#hostsOf.size !== services.size) {
      this.#hosts = [...services.keys()].sort();
      this.#hostsOf = { revision, size: services.size };
    }
    return this.#hosts;
  }
}

/** Index of the first host after the one that `token` names; that one may be gone by now. */
function startAfter(hosts: readonly string[], token: string | undefined): number {
  if (token === undefined) return 0;
  const last = Buffer.from(token, 'base64url').toString();
  if (last === '' || last.length > 253 || Buffer.from(last).toString('base64url') !== token) {
    throw new HttpProblem(400, 'Bad Request', 'continue is to be what the last page gave');
  }
  let [low, high] = [0, hosts.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((hosts[middle] ?? '') <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}
