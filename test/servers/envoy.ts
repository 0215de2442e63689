import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { artefactDir } from './build/cache-dir.js';
import { pickPort } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export interface EnvoyOptions extends StartOptions {
  /** `127.0.0.1:port` of the ADS that it takes clusters and listeners from. */
  readonly ads: string;
  /** `node.cluster`. */
  readonly cluster: string;
  /** Form of ADS; default: state of the world. */
  readonly delta?: boolean;
  /** Default: made of the cluster's name. */
  readonly node?: string;
  /** PEM file of the authority that the ADS server's certificate is by; without it the connection is plain text. */
  readonly ca?: string;
  /** Listeners of the bootstrap. */
  readonly listeners?: readonly Readonly<Record<string, unknown>>[];
  /** More of the bootstrap, over ours. */
  readonly bootstrap?: Readonly<Record<string, unknown>>;
}

export interface EnvoyServer extends ServerHandle {
  /** `http://127.0.0.1:port` of the admin interface. */
  readonly url: string;
  /** A counter or gauge by its name; 0 when there is none. */
  stat(name: string): Promise<number>;
  /** Waits until a stat is as wanted. */
  untilStat(name: string, isWanted: (value: number) => boolean): Promise<number>;
  /** Updates of clusters, listeners, routes and endpoints that it has refused since its start. */
  rejected(): Promise<number>;
  /** Waits until it listens on a port. */
  untilListening(port: number): Promise<void>;
  /** `/clusters?format=json`, as Envoy has it. */
  clusters(): Promise<readonly EnvoyCluster[]>;
}

/** Of https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/clusters.proto, what tests look at. */
export interface EnvoyCluster {
  readonly name: string;
  readonly host_statuses?: readonly {
    readonly address: { readonly socket_address: { readonly address: string; readonly port_value: number } };
    readonly weight?: number;
    readonly priority?: number;
    readonly health_status: { readonly eds_health_status?: string };
  }[];
}

/** Starts an Envoy that takes all it does from an ADS server. It is ready when it has been told its listeners. */
export async function startEnvoy(options: EnvoyOptions): Promise<EnvoyServer> {
  const port = await pickPort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startServer(
    {
      name: 'envoy',
      readyTimeoutMs: 30_000,
      command(dir) {
        const file = join(dir, 'bootstrap.json');
        writeFileSync(file, JSON.stringify(bootstrapOf(options, port)));
        const flags = ['--use-dynamic-base-id', '--concurrency', '1', '--log-level', 'warning'];
        return { command: join(artefactDir('envoy'), 'envoy/_bin/envoy'), args: ['-c', file, ...flags] };
      },
      ready: async (signal) => (await http(`${url}/ready`, { signal })).status === 200,
    },
    options,
  );
  const stats = async (filter: string) => {
    const { body } = await http(`${url}/stats?filter=${encodeURIComponent(filter)}`);
    const lines = body.split('\n').map((line) => line.split(': '));
    return new Map(lines.map(([name = '', value]) => [name, Number(value)]));
  };
  const stat = async (name: string) => {
    const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return (await stats(`^${literal}$`)).get(name) ?? 0;
  };
  return Object.assign(server, {
    url,
    stat,
    untilStat: async (name: string, isWanted: (value: number) => boolean) => {
      let value = 0;
      await poll(
        async () => {
          value = await stat(name);
          return isWanted(value);
        },
        { what: `${name} of Envoy to be as wanted` },
      );
      return value;
    },
    async rejected() {
      const found = await stats('update_rejected$|^listener_manager.lds.update_rejected$');
      return [...found.values()].reduce((sum, value) => sum + (Number.isFinite(value) ? value : 0), 0);
    },
    async untilListening(wanted: number) {
      await poll(async () => (await http(`${url}/listeners`)).body.includes(`:${wanted}\n`), {
        what: `Envoy to listen on ${wanted}`,
      });
    },
    async clusters() {
      const { body } = await http(`${url}/clusters?format=json`);
      return (JSON.parse(body) as { cluster_statuses?: EnvoyCluster[] }).cluster_statuses ?? [];
    },
  });
}

function bootstrapOf({ ads, cluster, delta, node, ca, listeners = [], bootstrap }: EnvoyOptions, adminPort: number) {
  const [host = '', port] = ads.split(':');
  const address = (portValue: number) => ({ socket_address: { address: '127.0.0.1', port_value: portValue } });
  return {
    node: { id: node ?? `${cluster}-1`, cluster },
    admin: { address: address(adminPort) },
    dynamic_resources: {
      ads_config: {
        api_type: delta ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'isthmus' } }],
      },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      listeners,
      clusters: [
        {
          name: 'isthmus',
          type: 'STATIC',
          connect_timeout: '2s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          ...(ca !== undefined && { transport_socket: tlsTo(ca, host) }),
          load_assignment: {
            cluster_name: 'isthmus',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(Number(port)) } }] }],
          },
        },
      ],
    },
    ...bootstrap,
  };
}

function tlsTo(ca: string, host: string) {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: host,
      common_tls_context: { validation_context: { trusted_ca: { filename: ca } } },
    },
  };
}
