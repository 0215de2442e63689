import type { Clock, HostPort } from '../../core/plugin/index.js';
import { type AdsClientStatus, AdsServer, type AdsServerObserver } from '../grpc/ads-server.js';
import type { XdsObserver } from '../grpc/ads-session.js';
import { adsSessions } from '../grpc/ads-sessions.js';
import { xdsSessions } from '../grpc/xds-sessions.js';
import type { McpConfig } from './config.js';
import type { McpContent } from './content.js';
import { type Shard, shardOfAuthority, shardPort, whole } from './shards.js';

/** A client, and what it reads. */
export interface ShardClient {
  readonly status: AdsClientStatus;
  readonly shard: Shard;
}

interface PortServer {
  readonly shard: Shard;
  readonly server: AdsServer;
}

const keepaliveTimeoutMs = 20_000;
/** Names that a client that reads what changes may ask for; the wildcard is one. */
const maxSubscriptions = 100_000;

/**
 * The listeners of a sink: one that serves every shard by the name that is dialled, and one a shard where shards have
 * ports of their own.
 */
export class ShardServers {
  readonly #listen: HostPort;
  readonly #main: AdsServer;
  readonly #ports: readonly PortServer[];

  constructor(config: McpConfig, content: McpContent, observer: AdsServerObserver & XdsObserver, clock: Clock) {
    const { listen, shards, shardBy, alsoShards, maxClients, ackTimeoutMs, keepaliveMs, tls, limits } = config;
    const serve = (shardOf: (authority: string) => Shard | string, maxStreams: number) => {
      const contentOf = (authority: string) => {
        const shard = shardOf(authority);
        return typeof shard === 'string' ? shard : content.of(shard);
      };
      const { delta } = xdsSessions({
        cache: (authority) => {
          const served = contentOf(authority);
          return typeof served === 'string' ? served : served.cache;
        },
        ...{ observer, clock, ackTimeoutMs, maxSubscriptions },
      });
      return new AdsServer({
        ...adsSessions({ contentOf, observer, clock, ackTimeoutMs }),
        delta,
        ...{ observer, clock, maxClients: maxStreams, keepaliveMs, keepaliveTimeoutMs, tls, limits },
      });
    };
    this.#listen = listen;
    this.#main = serve(shardOfAuthority, maxClients * shards);
    const counts = shardBy === 'port' ? [...new Set([shards, ...alsoShards])].filter((count) => count > 1) : [];
    this.#ports = counts.flatMap((count) =>
      Array.from({ length: count }, (_, index) => ({
        shard: { index, count },
        server: serve(() => ({ index, count }), maxClients),
      })),
    );
  }

  /** @returns where every shard is served; rejects when an address cannot be had, and listens on none of them then */
  async listen(): Promise<HostPort> {
    try {
      const address = await this.#main.listen(this.#listen);
      for (const { shard, server } of this.#ports) {
        await server.listen({ host: this.#listen.host, port: shardPort(address.port, shard) });
      }
      return address;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The content has a newer state. */
  changed(): void {
    this.#main.changed();
    for (const { server } of this.#ports) server.changed();
  }

  clients(): ShardClient[] {
    const byName = this.#main.clients().map((status) => {
      const shard = shardOfAuthority(status.authority);
      return { status, shard: typeof shard === 'string' ? whole : shard };
    });
    const byPort = this.#ports.flatMap(({ shard, server }) => server.clients().map((status) => ({ status, shard })));
    return [...byName, ...byPort];
  }

  async close(): Promise<void> {
    await Promise.all([this.#main.close(), ...this.#ports.map(({ server }) => server.close())]);
  }
}
