import { isRecord } from '../../core/model/is-record.js';
import type { Message } from './payload.js';

type Body = Message['body'];

const unhealthyMark = '_false';

/**
 * Whether instances that an answer calls healthy may not be: all of them are called so once their protection threshold
 * is reached, and that by default is when none is healthy. Servers of 2.x say that they do it, those of 1.x do not.
 */
export function mayHideHealth({ hosts, reachProtectionThreshold }: Body): boolean {
  if (reachProtectionThreshold === false || !Array.isArray(hosts) || hosts.length === 0) return false;
  return hosts.every((host: unknown) => isRecord(host) && host['healthy'] === true);
}

/**
 * An answer as it would be without protection, and with the flag of 2.x.
 *
 * @param statuses `ips` of `/v1/ns/instance/statuses`, as `10.0.0.1:80_false`: the health as the server itself knows it,
 *   of all clusters
 */
export function withStatuses(info: Body, statuses: unknown): Body {
  const unhealthy = new Set<string>();
  for (const status of Array.isArray(statuses) ? (statuses as readonly unknown[]) : []) {
    if (typeof status === 'string' && status.endsWith(unhealthyMark)) {
      unhealthy.add(status.slice(0, -unhealthyMark.length));
    }
  }
  let isProtected = info['reachProtectionThreshold'] === true;
  const hosts = (info['hosts'] as readonly Body[]).map((host) => {
    if (!unhealthy.has(`${String(host['ip'])}:${String(host['port'])}`)) return host;
    isProtected = true;
    return { ...host, healthy: false };
  });
  return { ...info, hosts, reachProtectionThreshold: isProtected };
}
