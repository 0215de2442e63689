import { join } from 'node:path';
import { execa } from 'execa';
import { http } from '../support/http.js';
import { artefactDir } from './build/cache-dir.js';
import { pickPorts } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export interface ConsulOptions extends StartOptions {
  /** Default `dc1`. */
  readonly datacenter?: string;
  /** With ACLs and default policy "deny"; `managementToken` of the handle may do everything. Default off. */
  readonly acl?: boolean;
  /** A server of another datacenter to federate with. */
  readonly joinWan?: ConsulServer;
  /** Also by HTTPS, to clients with a certificate of `consulCertificates` alone. */
  readonly certificates?: ConsulCertificates;
  /** Its place among the servers of a datacenter that has more than one; see `startConsulCluster`. */
  readonly member?: ConsulMember;
  /** More configuration, merged over ours. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Paths of PEM files. */
export interface ConsulCertificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

export interface ConsulMember {
  /** From 1. */
  readonly number: number;
  readonly ports: ConsulPorts;
  /** Of all members, this one too. */
  readonly lanAddresses: readonly string[];
}

export interface ConsulPorts {
  readonly http: number;
  readonly https: number;
  readonly rpc: number;
  readonly lan: number;
  readonly wan: number;
}

export interface ConsulServer extends ServerHandle {
  /** HTTP port. */
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `https://127.0.0.1:port`, where it has certificates. */
  readonly httpsUrl: string;
  readonly datacenter: string;
  /** Name of its node in the catalog. */
  readonly node: string;
  /** Where the other servers reach it, as `/v1/status/leader` names it. */
  readonly rpcAddress: string;
  readonly wanAddress: string;
  /** Token that may do everything; undefined without ACLs. */
  readonly managementToken: string | undefined;
}

const MANAGEMENT_TOKEN = '00000000-1111-2222-3333-444444444444';

/** Starts one Consul server, the only one of its datacenter unless it is a `member`. Its data survives a restart. */
export async function startConsul(options: ConsulOptions = {}): Promise<ConsulServer> {
  const { datacenter = 'dc1', acl = false, member } = options;
  const ports = member?.ports ?? (await pickConsulPorts());
  const url = `http://127.0.0.1:${ports.http}`;
  const node = member ? `${datacenter}-server-${member.number}` : `${datacenter}-server`;
  const token = acl ? MANAGEMENT_TOKEN : undefined;
  const settings = consulSettings(node, ports, options);
  const server = await startServer(
    {
      name: member ? `consul-${member.number}` : 'consul',
      command: (dir) => ({
        command: join(artefactDir('consul'), 'consul'),
        args: ['agent', '-data-dir', join(dir, 'data'), '-hcl', JSON.stringify(settings)],
      }),
      ready: (signal) => isServing(url, node, token, signal),
    },
    options,
  );
  return Object.assign(server, {
    ...{ port: ports.http, url, datacenter, node, managementToken: token },
    httpsUrl: `https://127.0.0.1:${ports.https}`,
    ...{ rpcAddress: `127.0.0.1:${ports.rpc}`, wanAddress: `127.0.0.1:${ports.wan}` },
  });
}

export async function pickConsulPorts(): Promise<ConsulPorts> {
  const [http, https, rpc, lan, wan] = (await pickPorts(5)) as [number, number, number, number, number];
  return { http, https, rpc, lan, wan };
}

/** Makes an authority and certificates in `dir`: the server's is for server.dc1.consul, localhost and 127.0.0.1. */
export async function consulCertificates(dir: string): Promise<ConsulCertificates> {
  const consul = (...args: string[]) => execa(join(artefactDir('consul'), 'consul'), ['tls', ...args], { cwd: dir });
  await consul('ca', 'create');
  await consul('cert', 'create', '-server', '-dc', 'dc1');
  await consul('cert', 'create', '-client', '-dc', 'dc1');
  const pair = (name: string) => ({ cert: join(dir, `${name}.pem`), key: join(dir, `${name}-key.pem`) });
  return {
    ca: join(dir, 'consul-agent-ca.pem'),
    server: pair('dc1-server-consul-0'),
    client: pair('dc1-client-consul-0'),
  };
}

function consulSettings(node: string, ports: ConsulPorts, options: ConsulOptions): Readonly<Record<string, unknown>> {
  const { datacenter = 'dc1', acl = false, joinWan, member, certificates, config = {} } = options;
  const { http: httpPort, rpc: server, lan: serf_lan, wan: serf_wan } = ports;
  const https = certificates ? ports.https : -1;
  return {
    datacenter,
    node_name: node,
    server: true,
    bootstrap_expect: member?.lanAddresses.length ?? 1,
    ...(member && {
      retry_join: member.lanAddresses,
      retry_interval: '1s',
      // The same also after its data was lost: else the other servers take it for a second one of its name.
      node_id: `00000000-0000-0000-0000-00000000000${member.number}`,
    }),
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    log_level: 'WARN',
    disable_update_check: true,
    ports: { http: httpPort, https, server, serf_lan, serf_wan, dns: -1, grpc: -1 },
    ...(certificates && {
      tls: {
        https: {
          ca_file: certificates.ca,
          cert_file: certificates.server.cert,
          key_file: certificates.server.key,
          verify_incoming: true,
        },
      },
    }),
    // The fastest election; the default is made for small machines on slow networks.
    performance: { raft_multiplier: 1 },
    ...(joinWan && { retry_join_wan: [joinWan.wanAddress] }),
    ...(acl && {
      acl: {
        enabled: true,
        default_policy: 'deny',
        tokens: { initial_management: MANAGEMENT_TOKEN, agent: MANAGEMENT_TOKEN },
      },
    }),
    ...config,
  };
}

/** True when there is a leader that answers and the server itself has got into the catalog. */
async function isServing(url: string, node: string, token: string | undefined, signal: AbortSignal): Promise<boolean> {
  const headers = token === undefined ? {} : { 'x-consul-token': token };
  const response = await http(`${url}/v1/catalog/node/${node}`, { headers, signal });
  return response.status === 200 && response.body.includes('"consul"');
}
