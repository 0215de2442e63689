import { isRecord } from '../../core/model/is-record.js';
import type { NacosConnection } from './connection.js';
import type { NacosCredentials } from './credentials.js';
import type { NacosHttp } from './http-client.js';
import { isUnsupported, NacosError } from './nacos-error.js';
import type { RequestGate } from './request-gate.js';
import { bareName, formatServiceKey, type ServiceKey } from './service-key.js';

const pageSize = 500;
/** More names than this in one namespace is taken for a server gone wrong. */
const maxNames = 200_000;

/** One page: names with their groups, how many entries it has, and how many there are in all. */
interface Page {
  readonly services: readonly ServiceKey[];
  readonly entries: number;
  readonly count: number;
}

export interface NameList {
  readonly services: readonly ServiceKey[];
  /**
   * False when services came or went while page after page was read. Pages are cut from an unordered set, so any name
   * may then be missing: nobody may conclude from that list that a service is gone.
   */
  readonly complete: boolean;
}

type ReadPage = (pageNo: number) => Promise<Page>;

export interface NameListOptions {
  readonly connection: NacosConnection;
  readonly http: NacosHttp;
  readonly credentials: NacosCredentials;
  readonly gate: RequestGate;
  readonly namespace: string;
  /** Undefined for all groups. */
  readonly groups: readonly string[] | undefined;
}

/**
 * The services of a namespace. By gRPC when the groups are known; that request takes one group, so all groups need the
 * HTTP API: `/v3/admin/ns/service/list` on 3.x, `/v1/ns/catalog/services` on 2.x. The right to read the namespace is
 * enough for each.
 *
 * @throws NacosError when any page could not be read
 */
export async function listNames(options: NameListOptions): Promise<NameList> {
  const { groups, gate, connection } = options;
  const readPages = (readPage: ReadPage) => readAll((pageNo) => gate.run(() => readPage(pageNo), connection.lost));
  if (groups === undefined) return readPages(pagesOfAllGroups(options));
  const services: ServiceKey[] = [];
  let complete = true;
  for (const group of groups) {
    const list = await readPages(pagesOfGroup(options, group));
    for (const service of list.services) services.push(service);
    complete &&= list.complete;
  }
  return { services, complete };
}

async function readAll(readPage: ReadPage): Promise<NameList> {
  const services = new Map<string, ServiceKey>();
  let first: number | undefined;
  let entries = 0;
  let changed = false;
  for (let pageNo = 1; ; pageNo++) {
    const page = await readPage(pageNo);
    if (page.count > maxNames)
      throw new NacosError(`the server lists ${page.count} services, more than ${maxNames}`, 0);
    first ??= page.count;
    changed ||= page.count !== first;
    for (const service of page.services) {
      const key = formatServiceKey(service);
      changed ||= services.has(key);
      services.set(key, service);
    }
    entries += page.entries;
    if (page.entries === 0 || pageNo * pageSize >= page.count) break;
  }
  return { services: [...services.values()], complete: !changed && entries === first };
}

function pagesOfGroup({ connection, namespace }: NameListOptions, group: string): ReadPage {
  return async (pageNo) => {
    const answer = await connection.request('ServiceListRequest', {
      module: 'naming',
      namespace,
      groupName: group,
      serviceName: '',
      pageNo,
      pageSize,
    });
    const { count, serviceNames } = answer;
    if (typeof count !== 'number' || !Array.isArray(serviceNames)) throw noList('ServiceListRequest');
    const services = serviceNames.flatMap((name: unknown) => keyOf(namespace, group, name));
    return { services, entries: serviceNames.length, count };
  };
}

function pagesOfAllGroups(options: NameListOptions): ReadPage {
  const { connection, http, credentials: keys, namespace } = options;
  const read = async (path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) => {
    return keys.authorized({ kind: 'naming' }, (credentials) =>
      http.requestOf(connection.server, { path, query, credentials }, signal),
    );
  };
  const newer: ReadPage = async (pageNo) => {
    const path = '/v3/admin/ns/service/list';
    const query = { namespaceId: namespace, pageNo: String(pageNo), pageSize: String(pageSize) };
    const { data } = await read(path, query, connection.lost);
    return isRecord(data) ? toPage(namespace, data['pageItems'], data['totalCount'], path) : fail(path);
  };
  const older: ReadPage = async (pageNo) => {
    const path = '/v1/ns/catalog/services';
    const query = { namespaceId: namespace, withInstances: 'false', hasIpCount: 'false' };
    const page = { pageNo: String(pageNo), pageSize: String(pageSize) };
    const { serviceList, count } = await read(path, { ...query, ...page }, connection.lost);
    return toPage(namespace, serviceList, count, path);
  };
  // Whoever can push names is a 3.x, which refuses the older path.
  const [first, second] = connection.can('fuzzyWatch') ? [newer, older] : [older, newer];
  return async (pageNo) => {
    try {
      return await first(pageNo);
    } catch (error) {
      if (!isUnsupported(error)) throw error;
    }
    try {
      return await second(pageNo);
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      const reason = `${connection.server.baseUrl} has no API that lists the services of all groups; name them under "groups"`;
      throw new NacosError(reason, 404, { cause: error });
    }
  };
}

function toPage(namespace: string, items: unknown, count: unknown, path: string): Page {
  if (!Array.isArray(items) || typeof count !== 'number') return fail(path);
  const services = items.flatMap((item: unknown) =>
    isRecord(item) ? keyOf(namespace, item['groupName'], item['name']) : [],
  );
  return { services, entries: items.length, count };
}

/** Nothing for what no service can be called: no client could ask for it. */
function keyOf(namespace: string, group: unknown, name: unknown): ServiceKey[] {
  if (typeof name !== 'string' || typeof group !== 'string' || group === '') return [];
  const bare = bareName(group, name);
  return bare === undefined ? [] : [{ namespace, group, name: bare }];
}

function fail(path: string): never {
  throw noList(path);
}

function noList(what: string): NacosError {
  return new NacosError(`the answer to ${what} is no list of services`, 0);
}
