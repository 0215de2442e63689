import { type ConsulCluster, startConsulCluster } from '../../servers/consul-cluster.js';
import { pickPort } from '../../servers/ports.js';
import type { ServerHandle } from '../../servers/process.js';
import type { Toxiproxy } from '../../servers/toxiproxy.js';
import { http } from '../../support/http.js';
import { type HttpFault, HttpFaultProxy } from '../bed/http-fault-proxy.js';
import { Link } from '../bed/link.js';
import { type Entry, targetOf } from '../ledger/entry.js';
import type { Copy, Crowd, Registry } from './registry.js';

const token = '11111111-2222-3333-4444-555555555555';
const policy = 'isthmus-reads';
const everything = 'node_prefix "" { policy = "read" } service_prefix "" { policy = "read" }';
const nothing = 'key_prefix "x" { policy = "read" }';

const crowdNode = 'crowd';

/** Three servers with ACLs; services are registered in the catalog itself, so that they outlive any one server. */
export class ConsulRegistry implements Registry {
  readonly kind = 'consul';
  readonly isDurable = true;
  readonly nodes: readonly ServerHandle[];
  readonly links: readonly Link[];
  readonly httpFaults: readonly HttpFaultProxy[];
  readonly emptyAnswers: HttpFault = { kind: 'empty', answer: emptyAnswer };
  readonly #cluster: ConsulCluster;
  readonly #ports: readonly number[];
  #scope = 'unused';

  private constructor(
    cluster: ConsulCluster,
    ports: readonly number[],
    links: readonly Link[],
    faults: HttpFaultProxy[],
  ) {
    this.#cluster = cluster;
    this.nodes = cluster.servers;
    this.links = links;
    this.httpFaults = faults;
    this.#ports = ports;
  }

  static async start(toxiproxy: Toxiproxy): Promise<ConsulRegistry> {
    const cluster = await startConsulCluster({ acl: true });
    const faults = await Promise.all(cluster.servers.map(({ url }) => HttpFaultProxy.start(url)));
    const ports = await Promise.all(faults.map(() => pickPort()));
    const links = await Promise.all(
      faults.map(({ address }, index) => Link.create(toxiproxy, `consul-${index}`, [[ports[index] ?? 0, address]])),
    );
    return new ConsulRegistry(cluster, ports, links, faults);
  }

  hostOf(service: string): string {
    return `${service}.consul`;
  }

  source() {
    return {
      kind: 'consul',
      servers: this.#ports.map((port) => `http://127.0.0.1:${port}`),
      token,
      include: [`${this.#scope}-*`],
      ...{ waitMs: 5000, requestTimeoutMs: 4000, auditMs: 10_000 },
    };
  }

  async refound(): Promise<void> {
    const rules = { Name: policy, Rules: everything };
    const known = await this.#ask('GET', `/v1/acl/policy/name/${policy}`, undefined, [200, 403, 404]);
    if (known.status !== 200 || known.body === 'null') await this.#ask('PUT', '/v1/acl/policy', rules);
    const body = { SecretID: token, AccessorID: token, Policies: [{ Name: policy }] };
    // Refused when it is there already.
    await this.#ask('PUT', '/v1/acl/token', body, [200, 400, 403, 500]);
  }

  async begin(scope: string): Promise<void> {
    for (const node of [this.#node, crowdNode]) {
      await this.#ask('PUT', '/v1/catalog/deregister', { Node: node });
    }
    this.#scope = scope;
    await this.refound();
  }

  put(entry: Entry): Promise<void> {
    return this.#register(this.#node, entry);
  }

  async remove(entry: Entry): Promise<void> {
    await this.#ask('PUT', '/v1/catalog/deregister', { Node: this.#node, ServiceID: targetOf(entry) });
  }

  async read(): Promise<readonly Copy[]> {
    const lists = await Promise.all([this.#node, crowdNode].map((node) => this.#readNode(node)));
    return [{ node: 0, entries: lists.flat() }];
  }

  async crowd(entries: readonly Entry[]): Promise<Crowd> {
    for (let start = 0; start < entries.length; start += 50) {
      await Promise.all(entries.slice(start, start + 50).map((entry) => this.#register(crowdNode, entry)));
    }
    return { vanish: async () => void (await this.#ask('PUT', '/v1/catalog/deregister', { Node: crowdNode })) };
  }

  async leader(): Promise<number> {
    const leader = await this.#cluster.leader(20_000);
    return this.#cluster.servers.indexOf(leader);
  }

  async revoke(): Promise<() => Promise<void>> {
    const { body } = await this.#ask('GET', `/v1/acl/policy/name/${policy}`);
    const { ID } = JSON.parse(body) as { ID: string };
    const change = async (rules: string) =>
      void (await this.#ask('PUT', `/v1/acl/policy/${ID}`, { ID, Name: policy, Rules: rules }));
    await change(nothing);
    return () => change(everything);
  }

  async stop(): Promise<void> {
    await Promise.all(this.httpFaults.map((proxy) => proxy.close()));
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  get #node(): string {
    return `apps-${this.#scope}`;
  }

  async #register(node: string, entry: Entry): Promise<void> {
    const { service, address, port, generation, serving } = entry;
    const id = targetOf(entry);
    await this.#ask('PUT', '/v1/catalog/register', {
      ...{ Node: node, Address: '10.0.0.1' },
      Service: { ID: id, Service: service, Address: address, Port: port, Weights: { Passing: generation, Warning: 1 } },
      Check: { CheckID: `check:${id}`, ServiceID: id, Name: 'own', Status: serving ? 'passing' : 'critical' },
    });
  }

  async #readNode(node: string): Promise<Entry[]> {
    const [services, checks] = await Promise.all([
      this.#ask('GET', `/v1/catalog/node/${node}`),
      this.#ask('GET', `/v1/health/node/${node}`),
    ]);
    const known = (JSON.parse(services.body) ?? {}) as { Services?: Readonly<Record<string, ServiceRow>> };
    const failing = new Set(
      (JSON.parse(checks.body) as CheckRow[])
        .filter(({ Status }) => Status !== 'passing')
        .map(({ ServiceID }) => ServiceID),
    );
    return Object.values(known.Services ?? {})
      .filter(({ Service }) => Service.startsWith(`${this.#scope}-`))
      .map(({ ID, Service, Address, Port, Weights }) => ({
        ...{ service: Service, address: Address, port: Port, generation: Weights.Passing },
        serving: !failing.has(ID),
      }));
  }

  /** Asks one server after the other. */
  async #ask(method: 'GET' | 'PUT', path: string, body?: object, accepted: readonly number[] = [200]) {
    let failure: unknown;
    for (const { url, managementToken, pid } of this.#cluster.servers) {
      if (pid === undefined) continue;
      try {
        const response = await http(`${url}${path}`, {
          method,
          headers: { 'x-consul-token': managementToken ?? '' },
          timeoutMs: 10_000,
          ...(body && { body: JSON.stringify(body) }),
        });
        if (accepted.includes(response.status)) return response;
        failure = new Error(`consul: ${method} ${path}: ${response.status} ${response.body}`);
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new Error('consul: no server runs');
  }
}

interface ServiceRow {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Weights: { readonly Passing: number };
}

interface CheckRow {
  readonly ServiceID: string;
  readonly Status: string;
}

/** As a cluster answers that has just been made; an index as high as any, so that nothing looks set back. */
function emptyAnswer(path: string) {
  const headers = { 'x-consul-index': '900000', 'x-consul-knownleader': 'true', 'x-consul-lastcontact': '0' };
  if (path.startsWith('/v1/catalog/services')) return { body: '{}', headers };
  if (/^\/v1\/(catalog\/nodes|health\/)/.test(path)) return { body: '[]', headers };
  return undefined;
}
