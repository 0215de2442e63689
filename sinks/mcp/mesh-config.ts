import { isIP } from 'node:net';
import type { McpConfig } from './config.js';
import { type Shard, shardLabel, shardPort } from './shards.js';

/** How istiod reaches Isthmus. */
export interface Dialled {
  /** DNS name or address of the service, as `isthmus.istio-system.svc`. */
  readonly host: string;
  /** In place of that of `listen`, where something translates it; only by authority. */
  readonly port?: number;
}

/**
 * The `configSources` of istiod's mesh configuration that read all of this sink, and the cluster's own resources.
 * @throws Error when shards cannot be told apart at such an address
 */
export function configSources({ listen, shards, shardBy }: McpConfig, { host, port }: Dialled): { address: string }[] {
  if (shards > 1 && shardBy === 'authority' && isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) {
    throw new Error(`${host} is no name, so shards cannot have names below it; give a DNS name, or set shardBy: port`);
  }
  const own = Array.from({ length: shards }, (_, index) => addressOf({ index, count: shards }));
  // Without the cluster among them istiod no longer reads its own resources.
  return [...own, 'k8s://'].map((address) => ({ address }));

  function addressOf(shard: Shard): string {
    const at = port ?? listen.port;
    if (shard.count === 1) return `xds://${bracketed(host)}:${at}`;
    if (shardBy === 'port') return `xds://${bracketed(host)}:${shardPort(at, shard)}`;
    return `xds://${shardLabel(shard)}.${host}:${at}`;
  }
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
