import { checkAddress } from '../../core/model/address.js';
import {
  defaultWeight,
  type Instance,
  metadataFrom,
  type Rejection,
  type Service,
  servicePortNumbers,
} from '../../core/plugin/index.js';
import { type DnsConfig, type NameConfig, serviceNameOf } from './config.js';
import type { DnsRecord, SrvData } from './wire.js';

/** An address at which a name is served, with the SRV record that leads to it, if one does. */
export interface Found {
  readonly address: string;
  readonly srv?: SrvData;
}

/** The service of a configured name. */
export function buildService(
  config: NameConfig,
  found: readonly Found[],
  left: readonly Rejection[],
  priorities: DnsConfig['priorities'],
): Service {
  const { host, protocol, servicePort = servicePortNumbers[protocol] } = config;
  const name = serviceNameOf(config);
  const rejected = [...left];
  const instances = new Map<string, Instance>();
  const weights = weightsOf(found, priorities);
  for (const [index, { address, srv }] of found.entries()) {
    const port = srv?.port ?? config.port ?? 0;
    const check = checkAddress(address);
    if (!check.ok || port === 0) {
      rejected.push({ record: `${address}:${port}`, reason: check.ok ? 'the port is 0' : check.reason });
      continue;
    }
    const id = check.address.includes(':') ? `[${check.address}]:${port}` : `${check.address}:${port}`;
    // Two records that lead to one place: the one that gets traffic counts.
    const weight = weights[index] ?? defaultWeight;
    if ((instances.get(id)?.weight ?? -1) >= weight) continue;
    instances.set(id, {
      id,
      address: check.address,
      ports: { [protocol]: port },
      health: 'unknown',
      weight,
      metadata: metadataFrom(
        srv
          ? [
              ['target', srv.target],
              ['priority', String(srv.priority)],
            ]
          : [],
      ),
    });
  }
  return {
    name,
    attributes: metadataFrom([
      ['name', name],
      ['host', host.replace(/\.$/, '').toLowerCase()],
    ]),
    ports: [{ name: protocol, number: servicePort, protocol }],
    instances: [...instances.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    metadata: metadataFrom([]),
    ...(rejected.length > 0 && { rejected }),
  };
}

/** SRV records by what they say; addresses by none, so that they may come in any order. */
export function srvRecords(records: readonly DnsRecord[]): readonly SrvData[] {
  return records.flatMap((record) => (record.type === 'SRV' && record.target !== '' ? [record] : []));
}

export function addresses(records: readonly DnsRecord[]): readonly string[] {
  return records.flatMap((record) => (record.type === 'A' || record.type === 'AAAA' ? [record.address] : []));
}

/**
 * RFC 2782: only records of the lowest priority number are used while one of them can be; the others get weight 0. Within
 * a priority weights are shares; where all are the same each is ordinary, and 0 beside others is "hardly ever".
 */
function weightsOf(found: readonly Found[], priorities: DnsConfig['priorities']): readonly number[] {
  const records = found.map(({ srv }) => srv);
  const lowest = Math.min(...records.map((srv) => srv?.priority ?? 0));
  const isUsed = (srv: SrvData) => priorities === 'all' || srv.priority === lowest;
  const used = new Set(records.flatMap((srv) => (srv && isUsed(srv) ? [srv.weight] : [])));
  return records.map((srv) => {
    if (!srv) return defaultWeight;
    if (!isUsed(srv)) return 0;
    return used.size === 1 ? defaultWeight : Math.max(1, srv.weight);
  });
}
