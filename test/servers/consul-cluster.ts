import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { type ConsulOptions, type ConsulServer, pickConsulPorts, startConsul } from './consul.js';

/** The servers of one datacenter, which elect a leader among them. */
export interface ConsulCluster {
  /** In the order of their numbers; each can be killed, paused and started by itself. */
  readonly servers: readonly ConsulServer[];
  /** Waits until a server that runs says of itself that it leads. */
  leader(timeoutMs?: number): Promise<ConsulServer>;
  /** Servers that run and do not lead. */
  followers(): Promise<ConsulServer[]>;
  stop(): Promise<void>;
}

/** Starts the servers of one datacenter, three unless told otherwise, all at once; ready when they have a leader. */
export async function startConsulCluster(
  options: Omit<ConsulOptions, 'member'> & { readonly size?: number } = {},
): Promise<ConsulCluster> {
  const { size = 3, ...rest } = options;
  const ports = await Promise.all(Array.from({ length: size }, () => pickConsulPorts()));
  const lanAddresses = ports.map(({ lan }) => `127.0.0.1:${lan}`);
  const starts = ports.map((own, index) =>
    startConsul({ ...rest, member: { number: index + 1, ports: own, lanAddresses } }),
  );
  const outcomes = await Promise.allSettled(starts);
  const servers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) {
    await Promise.all(servers.map((server) => server.kill()));
    throw failure.reason;
  }
  const leader = (timeoutMs = 60_000) =>
    poll((signal) => findLeader(servers, signal), { timeoutMs, what: 'Consul to have a leader' });
  return {
    servers,
    leader,
    async followers() {
      const leads = await leader();
      return servers.filter((server) => server !== leads && server.pid !== undefined);
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/** Followers name a leader for a while after it has gone: only what it says of itself counts. */
async function findLeader(servers: readonly ConsulServer[], signal: AbortSignal): Promise<ConsulServer | undefined> {
  for (const server of servers) {
    if (server.pid === undefined) continue;
    const answer = await http(`${server.url}/v1/status/leader`, { signal, timeoutMs: 1000 }).catch(() => undefined);
    if (answer?.body.trim() === `"${server.rpcAddress}"`) return server;
  }
  return undefined;
}
