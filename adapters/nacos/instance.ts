import { checkAddress, checkPort } from '../../core/model/address.js';
import { isRecord } from '../../core/model/is-record.js';
import { printable } from '../../core/model/printable.js';
import {
  defaultWeight,
  type Health,
  type Instance,
  isProtocol,
  type Locality,
  type Protocol,
  type Rejection,
} from '../../core/plugin/index.js';
import { parseEndpoints } from '../dubbo/endpoints.js';
import { clusterLocalityOf, instanceMetadata, localityOf, type StringPool } from './metadata.js';
import { type Selection, selects } from './selection.js';
import { defaultCluster } from './service-key.js';

/** Keys under which an instance names the protocol of its port; the first one counts. */
const protocolKeys = ['protocol', 'istio-protocol'] as const;
/** Under which Spring Boot gRPC starters announce a second port. */
const grpcPortKey = 'gRPC_port';
const aliases: ReadonlyMap<string, Protocol> = new Map([
  ['h2', 'http2'],
  ['h2c', 'http2'],
  ['triple', 'tri'],
]);
const maxWeight = 1_000_000;

/** What one entry of a Nacos service is. */
export type Outcome =
  | {
      readonly kind: 'instance';
      /** Its ports by name; what `plainPort` says is not among them. */
      readonly instance: Instance;
      /** The number of the port whose name is the service's protocol; undefined for a Dubbo instance. */
      readonly plainPort: number | undefined;
      /** The protocol that it names for that port. */
      readonly plainProtocol: Protocol | undefined;
    }
  /** In a cluster that is not read. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

export interface InstanceOptions {
  /** Nacos clusters to read. */
  readonly clusters: Selection;
  /** Where in the locality the cluster stands, when the metadata say nothing of the place. */
  readonly clusterLocality: 'none' | 'region' | 'zone' | 'subzone';
}

const ignored: Outcome = { kind: 'ignored' };

/** One instance as Nacos sends it (`com.alibaba.nacos.api.naming.pojo.Instance`), never throws. */
export function readInstance(host: unknown, options: InstanceOptions, pool: StringPool): Outcome {
  if (!isRecord(host)) return reject('', 'it is no JSON object');
  const { ip, port, weight, healthy, enabled, ephemeral } = host;
  const record = `${typeof ip === 'string' ? ip : ''}:${typeof port === 'number' ? port : ''}`;
  const cluster = clusterOf(host, pool);
  if (!selects(options.clusters, cluster)) return ignored;
  const address = checkAddress(typeof ip === 'string' ? ip : '');
  if (!address.ok) return reject(record, address.reason);
  const number = checkPort(typeof port === 'number' ? port : Number.NaN);
  if (!number.ok) return reject(record, number.reason);
  const said = isRecord(host['metadata']) ? host['metadata'] : {};
  const own = { 'nacos.cluster': cluster, 'nacos.ephemeral': ephemeral === false ? 'false' : 'true' };
  const metadata = instanceMetadata(said, own, pool);
  const locality = localityFrom(metadata, cluster, options, pool);
  const base = {
    id: idOf(address.address, number.port, cluster),
    address: address.address,
    health: healthOf(healthy, enabled),
    weight: scaledWeight(weight, defaultWeight),
    ...(locality && { locality }),
    metadata,
  };
  const endpoints = parseEndpoints(metadata['dubbo.endpoints']);
  if (endpoints) return instance({ ...base, ports: { ...endpoints } });
  const grpc = checkPort(metadata[grpcPortKey] ?? '');
  const plain = protocolOf(metadata);
  const ports = grpc.ok && grpc.port !== number.port ? { grpc: grpc.port } : {};
  return instance({ ...base, ports }, number.port, plain);
}

function instance(found: Instance, plainPort?: number, plainProtocol?: Protocol): Outcome {
  return { kind: 'instance', instance: found, plainPort, plainProtocol };
}

function reject(record: string, reason: string): Outcome {
  return { kind: 'rejected', rejection: { record: printable(record), reason } };
}

/** `Instance.id` of what Nacos sent, or undefined when no instance can be made of it. */
export function instanceId(host: unknown): string | undefined {
  if (!isRecord(host)) return undefined;
  const { ip, port, clusterName } = host;
  const address = checkAddress(typeof ip === 'string' ? ip : '');
  const number = checkPort(typeof port === 'number' ? port : Number.NaN);
  if (!address.ok || !number.ok) return undefined;
  return idOf(
    address.address,
    number.port,
    typeof clusterName === 'string' && clusterName ? clusterName : defaultCluster,
  );
}

/** Nacos tells instances of a service apart by address, port and cluster. */
function idOf(address: string, port: number, cluster: string): string {
  const authority = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return cluster === defaultCluster ? authority : `${authority}@${cluster}`;
}

/** Servers leave out disabled instances of what they push; other APIs tell of them. */
export function healthOf(healthy: unknown, enabled: unknown): Health {
  return healthy === false || enabled === false ? 'unhealthy' : 'healthy';
}

/** @param ordinary the weight of an instance whose weight in Nacos is 1 */
export function scaledWeight(weight: unknown, ordinary: number): number {
  const nacos = typeof weight === 'number' && !Number.isNaN(weight) ? weight : 1;
  const exact = nacos * ordinary;
  if (!(exact > 0)) return 0;
  return Math.min(maxWeight, Math.max(1, Math.round(exact)));
}

export function clusterOf({ clusterName }: Readonly<Record<string, unknown>>, pool: StringPool): string {
  return typeof clusterName === 'string' && clusterName !== '' ? pool.get(clusterName) : defaultCluster;
}

export function localityFrom(
  metadata: Readonly<Record<string, unknown>>,
  cluster: string,
  { clusterLocality }: InstanceOptions,
  pool: StringPool,
): Locality | undefined {
  return localityOf(metadata, pool) ?? clusterLocalityOf(cluster, clusterLocality, pool);
}

function protocolOf(metadata: Readonly<Record<string, string>>): Protocol | undefined {
  for (const key of protocolKeys) {
    const value = metadata[key]?.toLowerCase();
    if (!value) continue;
    const protocol = aliases.get(value) ?? value;
    if (protocol !== undefined && isProtocol(protocol)) return protocol;
  }
  // Spring Cloud Alibaba's mark of an instance that is to be called by https.
  return metadata['secure'] === 'true' ? 'https' : undefined;
}
