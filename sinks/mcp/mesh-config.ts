import { isIP } from 'node:net';
import type { ConfigSource, Dialled } from '../../core/config/kinds.js';
import type { McpConfig } from './config.js';
import { type Shard, shardLabel, shardPort } from './shards.js';

/**
 * The `configSources` of istiod's mesh configuration that read all of this sink, and the cluster's own resources.
 * @throws Error when shards cannot be told apart at such an address
 */
export function configSources(
  { listen, shards, shardBy, tls }: McpConfig,
  { host, port = listen.port, names = 'below', ca }: Dialled,
): readonly ConfigSource[] {
  const address = bare(host);
  const isNamed = shards > 1 && shardBy === 'authority';
  if (isNamed && isIP(address) !== 0) {
    throw new Error(`${host} is no name, so shards cannot have names below it; give a DNS name, or set shardBy: port`);
  }
  const own = Array.from({ length: shards }, (_, index) => sourceOf({ index, count: shards }));
  // Without the cluster among them istiod no longer reads its own resources.
  return [...own, { address: 'k8s://' }];

  function sourceOf(shard: Shard): ConfigSource {
    const name = isNamed ? nameOf(shardLabel(shard)) : address;
    const at = shards > 1 && shardBy === 'port' ? shardPort(port, shard) : port;
    if (!tls) return { address: `xds://${bracketed(name)}:${at}` };
    // What is named by SNI is the name that a gRPC client says it has dialled: one address serves all shards.
    const sni = isIP(name) === 0 ? { sni: name } : {};
    return {
      address: `xds://${bracketed(address)}:${at}`,
      tlsSettings: { mode: 'SIMPLE', ...sni, ...(ca === undefined ? {} : { caCertificates: ca }) },
    };
  }

  function nameOf(label: string): string {
    if (names === 'below') return `${label}.${address}`;
    const [first = '', ...rest] = address.split('.');
    return [`${first}-${label}`, ...rest].join('.');
  }
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
