import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import { type Service, type SourceRecord, shownRecord } from '../../core/plugin/index.js';
import { instanceId } from './instance.js';
import { isCredential } from './metadata.js';
import { defaultCluster } from './service-key.js';

/** Shown of one service. */
export const maxRecords = 1000;

/** The instances of a service as Nacos sends them, with what looks like a credential hidden. */
export function toRecords(hosts: readonly unknown[], service: Service | undefined): readonly SourceRecord[] {
  const published = new Set(service?.instances.map(({ id }) => id));
  return hosts.slice(0, maxRecords).map((host) => {
    const id = instanceId(host);
    return {
      id: printable(isRecord(host) ? endpointOf(host) : ''),
      ...(id !== undefined && published.has(id) && { instance: id }),
      text: shownRecord(host, (key, value) => isCredential(key, typeof value === 'string' ? value : '')),
    };
  });
}

/** What tells the instances of a service apart, as Nacos sends them. */
function endpointOf({ ip, port, clusterName }: Readonly<Record<string, unknown>>): string {
  return `${String(ip)}:${String(port)}@${clusterName ? String(clusterName) : defaultCluster}`;
}
