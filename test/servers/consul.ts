import { join } from 'node:path';
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
  /** More configuration, merged over ours. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface ConsulServer extends ServerHandle {
  /** HTTP port. */
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly datacenter: string;
  readonly wanAddress: string;
  /** Token that may do everything; undefined without ACLs. */
  readonly managementToken: string | undefined;
}

const MANAGEMENT_TOKEN = '00000000-1111-2222-3333-444444444444';

/** Starts one Consul server, the only one of its datacenter. Its data survives a restart. */
export async function startConsul(options: ConsulOptions = {}): Promise<ConsulServer> {
  const { datacenter = 'dc1', acl = false, joinWan, config = {} } = options;
  const [httpPort, rpcPort, lanPort, wanPort] = (await pickPorts(4)) as [number, number, number, number];
  const url = `http://127.0.0.1:${httpPort}`;
  const token = acl ? MANAGEMENT_TOKEN : undefined;
  const settings = {
    datacenter,
    node_name: `${datacenter}-server`,
    server: true,
    bootstrap_expect: 1,
    bind_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    log_level: 'WARN',
    disable_update_check: true,
    ports: { http: httpPort, server: rpcPort, serf_lan: lanPort, serf_wan: wanPort, dns: -1, grpc: -1 },
    // The fastest election; the default is made for small machines on slow networks.
    performance: { raft_multiplier: 1 },
    ...(joinWan && { retry_join_wan: [joinWan.wanAddress] }),
    ...(token && {
      acl: { enabled: true, default_policy: 'deny', tokens: { initial_management: token, agent: token } },
    }),
    ...config,
  };
  const server = await startServer(
    {
      name: 'consul',
      command: (dir) => ({
        command: join(artefactDir('consul'), 'consul'),
        args: ['agent', '-data-dir', join(dir, 'data'), '-hcl', JSON.stringify(settings)],
      }),
      ready: (signal) => isServing(url, `${datacenter}-server`, token, signal),
    },
    options,
  );
  const wanAddress = `127.0.0.1:${wanPort}`;
  return Object.assign(server, { port: httpPort, url, datacenter, wanAddress, managementToken: token });
}

/** True when there is a leader that answers and the server itself has got into the catalog. */
async function isServing(url: string, node: string, token: string | undefined, signal: AbortSignal): Promise<boolean> {
  const headers = token === undefined ? {} : { 'x-consul-token': token };
  const response = await http(`${url}/v1/catalog/node/${node}`, { headers, signal });
  return response.status === 200 && response.body.includes('"consul"');
}
