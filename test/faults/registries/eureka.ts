import { EurekaWriter } from '../../adapters/eureka/eureka-writer.js';
import { type EurekaServer, startEureka } from '../../servers/eureka.js';
import { pickPort } from '../../servers/ports.js';
import type { Toxiproxy } from '../../servers/toxiproxy.js';
import { http } from '../../support/http.js';
import { type HttpFault, HttpFaultProxy } from '../bed/http-fault-proxy.js';
import { Link } from '../bed/link.js';
import { type Entry, targetOf } from '../ledger/entry.js';
import { type Copy, type Crowd, type Registry, withDeadline } from './registry.js';

/** Two peers that replicate to each other. */
export class EurekaRegistry implements Registry {
  readonly kind = 'eureka';
  readonly isDurable = false;
  readonly nodes: readonly EurekaServer[];
  readonly links: readonly Link[];
  readonly between: readonly Link[];
  readonly httpFaults: readonly HttpFaultProxy[];
  /** A full listing, and the time after it for which what is missing stays. */
  readonly missedMs = 40_000;
  readonly emptyAnswers: HttpFault = { kind: 'empty', answer: emptyAnswer };
  readonly #ports: readonly number[];
  readonly #writers: readonly EurekaWriter[];
  /** Write to one peer alone, as a client's heartbeat does that the other has passed on. */
  readonly #repairers: readonly EurekaWriter[];
  /** When its client changed an instance last. */
  readonly #dirty = new Map<string, number>();
  #scope = 'UNUSED';

  private constructor(
    nodes: readonly EurekaServer[],
    ports: readonly number[],
    { links, between }: Pick<EurekaRegistry, 'links' | 'between'>,
    faults: readonly HttpFaultProxy[],
  ) {
    this.nodes = nodes;
    this.links = links;
    this.between = between;
    this.httpFaults = faults;
    this.#ports = ports;
    this.#writers = nodes.map(({ url }) => new EurekaWriter(url));
    this.#repairers = nodes.map(({ url }) => new EurekaWriter(url, { 'x-netflix-discovery-replication': 'true' }));
  }

  static async start(toxiproxy: Toxiproxy): Promise<EurekaRegistry> {
    const places = [
      { host: '127.0.0.2', port: await pickPort() },
      { host: '127.0.0.3', port: await pickPort() },
    ];
    // Each reaches the other through a link, so that they can be split.
    const ways = await Promise.all(places.map(() => pickPort()));
    const between = await Promise.all(
      places.map(({ host, port }, index) =>
        Link.create(toxiproxy, `eureka-peer-${index}`, [[ways[index] ?? 0, `${host}:${port}`]]),
      ),
    );
    const nodes = await Promise.all(
      places.map((place, index) => startEureka({ ...place, peers: [`http://127.0.0.1:${ways[1 - index]}/eureka`] })),
    );
    const faults = await Promise.all(nodes.map(({ url }) => HttpFaultProxy.start(new URL(url).origin)));
    const ports = await Promise.all(faults.map(() => pickPort()));
    const links = await Promise.all(
      faults.map(({ address }, index) => Link.create(toxiproxy, `eureka-${index}`, [[ports[index] ?? 0, address]])),
    );
    return new EurekaRegistry(nodes, ports, { links, between }, faults);
  }

  hostOf(service: string): string {
    return `${service.toLowerCase()}.eureka`;
  }

  source() {
    return {
      kind: 'eureka',
      servers: this.#ports.map((port) => `http://127.0.0.1:${port}/eureka`),
      ...{ intervalMs: 1000, fullIntervalMs: 20_000, requestTimeoutMs: 3000, missingGraceMs: 15_000 },
    };
  }

  async begin(scope: string): Promise<void> {
    for (const { node, entries } of await this.#readAll()) {
      await inPieces(entries, (entry) => this.remove(entry, node));
    }
    this.#scope = scope.toUpperCase();
    this.#dirty.clear();
  }

  async put(entry: Entry, node?: number): Promise<void> {
    await this.#anywhere(node, (writer) =>
      writer.register(entry.service.toUpperCase(), {
        ...{ id: targetOf(entry), address: entry.address, port: entry.port },
        // Eureka lets no registration end OUT_OF_SERVICE, but one can end DOWN.
        status: entry.serving ? 'UP' : 'DOWN',
        metadata: { weight: `${entry.generation}` },
        dirtyMs: this.#dirtyMs(entry, node !== undefined),
      }),
    );
  }

  /** As a client has it: the same at each server, until it registers something else, or anew. */
  #dirtyMs(entry: Entry, isRepair: boolean): number {
    const name = `${entry.service} ${targetOf(entry)}`;
    const known = isRepair ? this.#dirty.get(name) : undefined;
    const dirtyMs = known ?? Date.now();
    this.#dirty.set(name, dirtyMs);
    return dirtyMs;
  }

  async remove(entry: Entry, node?: number): Promise<void> {
    await this.#anywhere(node, (writer) => writer.deregister(entry.service.toUpperCase(), targetOf(entry)));
  }

  async read(): Promise<readonly Copy[]> {
    const copies = await this.#readAll();
    return copies.map(({ node, entries }) => ({
      node,
      entries: entries
        .filter(({ service }) => service.startsWith(`${this.#scope}-`))
        .map((entry) => ({ ...entry, service: entry.service.toLowerCase() })),
    }));
  }

  async crowd(entries: readonly Entry[]): Promise<Crowd> {
    await inPieces(entries, (entry) => this.put(entry));
    return { vanish: () => inPieces(entries, (entry) => this.remove(entry)) };
  }

  async leader(): Promise<number> {
    return Math.max(
      this.nodes.findIndex(({ pid }) => pid !== undefined),
      0,
    );
  }

  /** After one of them was away, a peer may pass on that an instance went and that it came in the wrong order. */
  async disowns(entry: Entry): Promise<boolean> {
    const told = await Promise.all(this.nodes.map(({ url }) => deletedAt(url).catch(() => new Set<string>())));
    return told.some((names) => names.has(`${entry.service.toUpperCase()} ${targetOf(entry)}`));
  }

  /** A peer may pass on late that an instance came, after its end: the other one registers it then. */
  async revived(entry: Entry, sinceMs: number): Promise<boolean> {
    const path = `apps/${entry.service.toUpperCase()}/${targetOf(entry)}`;
    const times = await Promise.all(this.nodes.map(({ url }) => registeredMs(`${url}/${path}`).catch(() => undefined)));
    return times.some((timeMs) => timeMs !== undefined && timeMs > sinceMs);
  }

  /** A peer that made up its delta while an instance ended keeps it in its cache without that. */
  async misses(): Promise<ReadonlySet<string>> {
    const running = this.nodes.filter(({ pid }) => pid !== undefined);
    const told = (await Promise.all(running.map(({ url }) => toldOfAbsent(url)))).flat();
    const missed = told.filter(({ actionType }) => actionType !== 'DELETED');
    return new Set(missed.map(({ application, id }) => `${this.hostOf(application)} ${id}`));
  }

  async stop(): Promise<void> {
    await Promise.all(this.httpFaults.map((proxy) => proxy.close()));
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  /** One peer, the other when it fails. */
  async #anywhere(node: number | undefined, act: (writer: EurekaWriter) => Promise<void>): Promise<void> {
    const writers = node === undefined ? this.#writers : this.#repairers.slice(node, node + 1);
    let failure: unknown;
    for (const writer of writers) {
      try {
        return await withDeadline(act(writer), 'eureka');
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Of each peer that runs. */
  async #readAll(): Promise<Copy[]> {
    const running = this.nodes.flatMap(({ url, pid }, node) => (pid === undefined ? [] : [{ url, node }]));
    if (running.length === 0) throw new Error('eureka: no peer runs');
    return Promise.all(running.map(async ({ url, node }) => ({ node, entries: await readPeer(url) })));
  }
}

async function readPeer(url: string): Promise<Entry[]> {
  const { status, body } = await http(`${url}/apps`, { headers: { accept: 'application/json' }, timeoutMs: 10_000 });
  if (status !== 200) throw new Error(`eureka: ${status}`);
  const { applications } = JSON.parse(body) as { applications: { application: Application[] } };
  return applications.application.flatMap(({ name, instance }) =>
    instance
      // Those that the servers have of themselves are none of ours.
      .filter(({ instanceId }) => instanceId.startsWith('10.'))
      .map(({ ipAddr, port, status: health, metadata }) => ({
        ...{ service: name, address: ipAddr, port: Number(port.$), generation: Number(metadata['weight']) },
        serving: health === 'UP',
      })),
  );
}

/** What a peer tells lately to be gone, and has not again, as `APPLICATION id`. */
async function deletedAt(url: string): Promise<ReadonlySet<string>> {
  const deleted = (await toldOfAbsent(url)).filter(({ actionType }) => actionType === 'DELETED');
  return new Set(deleted.map(({ application, id }) => `${application} ${id}`));
}

/** What a peer tells lately of instances that it does not have. */
async function toldOfAbsent(url: string) {
  const { body } = await http(`${url}/apps/delta`, { headers: { accept: 'application/json' } });
  const { applications } = JSON.parse(body) as { applications: { application: Application[] } };
  const told = applications.application.flatMap(({ name, instance }) =>
    instance.map(({ instanceId, actionType }) => ({ application: name, id: instanceId, actionType })),
  );
  const there = new Set((await readPeer(url)).map((entry) => `${entry.service} ${targetOf(entry)}`));
  return told.filter(({ application, id }) => !there.has(`${application} ${id}`));
}

/** When a peer registered an instance, by its own clock; undefined when it does not have it. */
async function registeredMs(url: string): Promise<number | undefined> {
  const { status, body } = await http(url, { headers: { accept: 'application/json' } });
  if (status !== 200) return undefined;
  const { instance } = JSON.parse(body) as { instance: { leaseInfo: { registrationTimestamp: number } } };
  return instance.leaseInfo.registrationTimestamp;
}

interface Application {
  readonly name: string;
  readonly instance: readonly {
    readonly instanceId: string;
    readonly actionType?: string;
    readonly ipAddr: string;
    readonly port: { readonly $: number };
    readonly status: string;
    readonly metadata: Readonly<Record<string, string>>;
  }[];
}

async function inPieces(entries: readonly Entry[], act: (entry: Entry) => Promise<void>): Promise<void> {
  for (let start = 0; start < entries.length; start += 25) {
    await Promise.all(entries.slice(start, start + 25).map(act));
  }
}

/** As a server answers that has just been started and has no application. */
function emptyAnswer(path: string) {
  if (!/\/apps(\/delta)?\/?(\?|$)/.test(path)) return undefined;
  return { body: '{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}' };
}
