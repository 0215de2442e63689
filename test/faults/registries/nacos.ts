import pLimit from 'p-limit';
import type { NacosServer } from '../../servers/nacos.js';
import { startNacos2 } from '../../servers/nacos2.js';
import { startNacos3 } from '../../servers/nacos3.js';
import { pickPort } from '../../servers/ports.js';
import type { Toxiproxy } from '../../servers/toxiproxy.js';
import { http } from '../../support/http.js';
import { NacosWriter } from '../../support/nacos-writer.js';
import { Link } from '../bed/link.js';
import { type Entry, targetOf } from '../ledger/entry.js';
import { type Copy, type Crowd, type Registry, withDeadline } from './registry.js';

const versions = {
  nacos2: { start: startNacos2, list: '/v1/ns/instance/list' },
  nacos3: { start: startNacos3, list: '/v3/client/ns/instance/list' },
} as const;

/** One server with ephemeral instances, all of them over one client's connection. */
export class NacosRegistry implements Registry {
  readonly kind: 'nacos2' | 'nacos3';
  readonly isDurable = false;
  readonly httpFaults = [];
  readonly nodes: readonly NacosServer[];
  readonly links: readonly Link[];
  readonly #server: NacosServer;
  readonly #port: number;
  /** What the client wants registered: each registration tells the whole of a service. */
  readonly #wanted = new Map<string, Map<string, Entry>>();
  readonly #crowds = new Set<string>();
  readonly #unsent = new Set<string>();
  readonly #limit = pLimit(1);
  #writer: NacosWriter | undefined;
  /** The connection can't be relied on any more; its instances may live until it is closed. */
  #doubted = false;
  #scope = 'unused';

  private constructor(kind: 'nacos2' | 'nacos3', server: NacosServer, port: number, link: Link) {
    this.kind = kind;
    this.#server = server;
    this.nodes = [server];
    this.links = [link];
    this.#port = port;
  }

  static async start(kind: 'nacos2' | 'nacos3', toxiproxy: Toxiproxy): Promise<NacosRegistry> {
    const server = await versions[kind].start();
    const port = await pickPort([0, 1000]);
    const link = await Link.create(toxiproxy, kind, [
      [port, server.address],
      [port + 1000, `127.0.0.1:${server.grpcPort}`],
    ]);
    return new NacosRegistry(kind, server, port, link);
  }

  hostOf(service: string): string {
    return `${service}.nacos`;
  }

  source() {
    return {
      kind: 'nacos',
      servers: [`http://127.0.0.1:${this.#port}`],
      namespaces: ['public'],
      include: [`${this.#scope}-*`],
      ...{ listIntervalMs: 1000, auditIntervalMs: 10_000, requestTimeoutMs: 3000, keepAliveMs: 1500 },
      ...{ settleMs: 8000, retryMaxMs: 2000 },
    };
  }

  async begin(scope: string): Promise<void> {
    this.#disconnect();
    this.#wanted.clear();
    this.#crowds.clear();
    this.#scope = scope;
  }

  async put(entry: Entry): Promise<void> {
    const service = this.#wanted.get(entry.service) ?? new Map<string, Entry>();
    this.#wanted.set(entry.service, service.set(targetOf(entry), entry));
    await this.#send(entry.service);
  }

  async remove(entry: Entry): Promise<void> {
    this.#wanted.get(entry.service)?.delete(targetOf(entry));
    await this.#send(entry.service);
  }

  async read(): Promise<readonly Copy[]> {
    const lists = await Promise.all(
      [...this.#wanted.keys(), ...this.#crowds].map((service) => this.#readService(service)),
    );
    return [{ node: 0, entries: lists.flat() }];
  }

  async crowd(entries: readonly Entry[]): Promise<Crowd> {
    const writer = await NacosWriter.connect(this.#server);
    const services = new Set(entries.map(({ service }) => service));
    for (const service of services) {
      this.#crowds.add(service);
      const instances = entries.filter((entry) => entry.service === service);
      await writer.set({ service }, instances.map(instanceOf));
    }
    return { vanish: async () => writer.close() };
  }

  async leader(): Promise<number> {
    return 0;
  }

  async stop(): Promise<void> {
    this.#disconnect();
    await this.#server.kill();
  }

  /** One registration at a time, each with the newest there is: the server takes them in any order. */
  #send(service: string): Promise<void> {
    this.#unsent.add(service);
    return this.#limit(async () => {
      if (!this.#unsent.delete(service)) return;
      const instances = [...(this.#wanted.get(service)?.values() ?? [])].map(instanceOf);
      try {
        const writer = await this.#connected();
        await withDeadline(writer.set({ service }, instances), `${this.kind}: register`);
      } catch (error) {
        this.#unsent.add(service);
        this.#doubted = true;
        throw error;
      }
    });
  }

  /** A new connection tells all that the client has before the old one goes, as Nacos's own client does it. */
  async #connected(): Promise<NacosWriter> {
    if (this.#writer && !this.#doubted) return this.#writer;
    const old = this.#writer;
    const writer = await withDeadline(NacosWriter.connect(this.#server), `${this.kind}: connect`);
    this.#writer = writer;
    this.#doubted = false;
    for (const [service, instances] of this.#wanted) {
      const all = [...instances.values()].map(instanceOf);
      if (all.length > 0) await withDeadline(writer.set({ service }, all), `${this.kind}: register again`);
    }
    old?.close();
    return writer;
  }

  #disconnect(): void {
    this.#writer?.close();
    this.#writer = undefined;
  }

  async #readService(service: string): Promise<Entry[]> {
    const { list } = versions[this.kind];
    const { status, body } = await http(`${this.#server.url}${list}?serviceName=${service}`, { timeoutMs: 10_000 });
    if (status !== 200) throw new Error(`${this.kind}: ${status} ${body}`);
    const answer = JSON.parse(body) as { readonly hosts?: readonly Host[]; readonly data?: readonly Host[] };
    return (answer.hosts ?? answer.data ?? []).map(({ ip, port, weight, enabled }) => ({
      ...{ service, address: ip, port, generation: weight, serving: enabled },
    }));
  }
}

interface Host {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly enabled: boolean;
}

function instanceOf({ address, port, generation, serving }: Entry) {
  return { ip: address, port, weight: generation, enabled: serving };
}
