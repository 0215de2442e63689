import { isRecord } from '../../core/model/is-record.js';
import type { NacosCredentials } from './credentials.js';
import type { NacosHttp } from './http-client.js';
import { instanceId } from './instance.js';
import { isUnsupported, NacosError } from './nacos-error.js';
import type { RequestGate } from './request-gate.js';
import { formatGroupedName, type ServiceKey } from './service-key.js';

/** Largest cluster that is read, in instances. */
const maxInstances = 10_000;
const maxClusters = 100;

export interface TrueHealthOptions {
  readonly http: NacosHttp;
  readonly credentials: NacosCredentials;
  readonly gate: RequestGate;
}

/** Whether an instance is healthy, by `Instance.id`. */
export type HealthById = ReadonlyMap<string, boolean>;

/**
 * The health of a service's instances as the server itself knows it, where its ordinary answers call all of them healthy:
 * `/v3/admin/ns/instance/list` of 3.x, `/v1/ns/catalog/instances` of older ones, for each cluster by itself. On 3.x that
 * is an API for administrators.
 *
 * @throws NacosError when it cannot be read
 */
export async function readTrueHealth(
  { http, credentials, gate }: TrueHealthOptions,
  { namespace, group, name }: ServiceKey,
  clusters: readonly string[],
  signal: AbortSignal,
): Promise<HealthById> {
  const health = new Map<string, boolean>();
  const read = (path: string, query: Readonly<Record<string, string>>) =>
    gate.run(
      () =>
        credentials.authorized({ kind: 'naming', group, service: name }, (proof) =>
          http.request({ path, query, credentials: proof }, signal),
        ),
      signal,
    );
  const newer = async (clusterName: string) => {
    const query = { namespaceId: namespace, groupName: group, serviceName: name, clusterName };
    return (await read('/v3/admin/ns/instance/list', query))['data'];
  };
  const older = async (clusterName: string) => {
    const serviceName = formatGroupedName(group, name);
    const page = { pageNo: '1', pageSize: String(maxInstances) };
    const query = { namespaceId: namespace, groupName: group, serviceName, clusterName, ...page };
    return (await read('/v1/ns/catalog/instances', query))['list'];
  };
  for (const cluster of clusters.slice(0, maxClusters)) {
    const hosts = await older(cluster).catch((error: unknown) => {
      if (!isUnsupported(error)) throw error;
      return newer(cluster);
    });
    if (!Array.isArray(hosts)) throw new NacosError('the answer is no list of instances', 0);
    for (const host of hosts.slice(0, maxInstances)) {
      const id = instanceId(host);
      if (id !== undefined && isRecord(host)) health.set(id, host['healthy'] !== false);
    }
  }
  return health;
}

/** The instances with the health that is known of them. */
export function withHealth(hosts: readonly unknown[], health: HealthById): readonly unknown[] {
  return hosts.map((host) => {
    const id = instanceId(host);
    const healthy = id === undefined ? undefined : health.get(id);
    return healthy === undefined || !isRecord(host) ? host : { ...host, healthy };
  });
}
