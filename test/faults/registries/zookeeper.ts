import { pickPort } from '../../servers/ports.js';
import type { Toxiproxy } from '../../servers/toxiproxy.js';
import { fourLetterWord, startZookeeperEnsemble, type ZookeeperServer } from '../../servers/zookeeper.js';
import { poll } from '../../support/poll.js';
import { Link } from '../bed/link.js';
import { type Entry, targetOf } from '../ledger/entry.js';
import type { Copy, Crowd, Registry } from './registry.js';
import { childrenOf, makeNode, removeNode, setAccess, ZookeeperSession } from './zookeeper-session.js';

const digest = 'shop:of-the-clients';

/** An ensemble of three, with Dubbo providers by interface as its clients. */
export class ZookeeperRegistry implements Registry {
  readonly kind = 'zookeeper';
  readonly isDurable = true;
  readonly httpFaults = [];
  readonly nodes: readonly ZookeeperServer[];
  readonly links: readonly Link[];
  readonly #ports: readonly number[];
  readonly #clients: ZookeeperSession;
  readonly #reader: ZookeeperSession;
  #root = '/unused';
  /** Grows with each registration, as the start times of providers do. */
  #timestamp = 1_700_000_000_000;

  private constructor(nodes: readonly ZookeeperServer[], ports: readonly number[], links: readonly Link[]) {
    this.nodes = nodes;
    this.links = links;
    this.#ports = ports;
    this.#clients = new ZookeeperSession(this.#address, digest);
    this.#reader = new ZookeeperSession(this.#address, digest);
  }

  static async start(toxiproxy: Toxiproxy): Promise<ZookeeperRegistry> {
    const nodes = await startZookeeperEnsemble({ tickTimeMs: 500, config: { maxSessionTimeout: 40_000 } });
    const ports = await Promise.all(nodes.map(() => pickPort()));
    const links = await Promise.all(
      nodes.map((node, index) => Link.create(toxiproxy, `zookeeper-${index}`, [[ports[index] ?? 0, node.address]])),
    );
    return new ZookeeperRegistry(nodes, ports, links);
  }

  get #address(): string {
    return this.nodes.map(({ address }) => address).join(',');
  }

  hostOf(service: string): string {
    return `${service.toLowerCase()}.dubbo`;
  }

  source() {
    return {
      kind: 'zookeeper',
      servers: this.#ports.map((port) => `127.0.0.1:${port}`),
      dubbo: { root: this.#root },
      ...{ sessionTimeoutMs: 4000, connectTimeoutMs: 2000, requestTimeoutMs: 5000, auditIntervalMs: 10_000 },
    };
  }

  async begin(scope: string): Promise<void> {
    const old = this.#root;
    this.#root = `/${scope}`;
    await this.#clients.use('begin', async (client) => {
      for (const name of await childrenOf(client, old)) {
        const providers = `${old}/${name}/providers`;
        const nodes = await childrenOf(client, providers);
        await Promise.all(nodes.map((node) => removeNode(client, `${providers}/${node}`)));
      }
      await makeNode(client, this.#root, false);
    });
  }

  async put(entry: Entry): Promise<void> {
    const providers = this.#providers(entry.service);
    await this.#clients.use('register', async (client) => {
      const name = this.#providerName(entry);
      await makeNode(client, `${providers}/${name}`, true);
      // What it had registered before goes after the new is there, so that it is never away.
      for (const other of await childrenOf(client, providers)) {
        if (other !== name && targetIn(other) === targetOf(entry)) await removeNode(client, `${providers}/${other}`);
      }
    });
  }

  async remove(entry: Entry): Promise<void> {
    const providers = this.#providers(entry.service);
    await this.#clients.use('deregister', async (client) => {
      for (const name of await childrenOf(client, providers)) {
        if (targetIn(name) === targetOf(entry)) await removeNode(client, `${providers}/${name}`);
      }
    });
  }

  async read(): Promise<readonly Copy[]> {
    const entries = await this.#reader.use('read', async (client) => {
      const services = await childrenOf(client, this.#root);
      const lists = await Promise.all(
        services.map(async (service) => parse(service, await childrenOf(client, this.#providers(service)))),
      );
      return lists.flat();
    });
    return [{ node: 0, entries }];
  }

  async crowd(entries: readonly Entry[]): Promise<Crowd> {
    const session = new ZookeeperSession(this.#address, digest);
    const services = new Set(entries.map(({ service }) => service));
    await session.use('a crowd', async (client) => {
      for (const service of services) await makeNode(client, this.#providers(service), false);
    });
    for (let start = 0; start < entries.length; start += 250) {
      await session.use('a crowd', (client) =>
        Promise.all(
          entries
            .slice(start, start + 250)
            .map((entry) => makeNode(client, `${this.#providers(entry.service)}/${this.#providerName(entry)}`, true)),
        ),
      );
    }
    return { vanish: () => session.close() };
  }

  async leader(): Promise<number> {
    return poll(
      async () => {
        const modes = await Promise.all(this.nodes.map(({ port }) => fourLetterWord(port, 'srvr').catch(() => '')));
        const index = modes.findIndex((mode) => mode.includes('Mode: leader'));
        return index >= 0 && { index };
      },
      { timeoutMs: 20_000, what: 'a leader of the ensemble' },
    ).then(({ index }) => index);
  }

  /** Only who registered may list the providers from now on, or read the root. */
  async revoke(): Promise<() => Promise<void>> {
    const change = (access: 'own' | 'open') =>
      this.#clients.use('rights', async (client) => {
        for (const service of await childrenOf(client, this.#root)) {
          await setAccess(client, this.#providers(service), access);
        }
        await setAccess(client, this.#root, access);
      });
    await change('own');
    return () => change('open');
  }

  async stop(): Promise<void> {
    await Promise.all([this.#clients.close(), this.#reader.close()]);
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  #providers(service: string): string {
    return `${this.#root}/${service}/providers`;
  }

  #providerName({ service, address, port, generation, serving }: Entry): string {
    this.#timestamp += 1;
    const parameters = `application=shop&interface=${service}&side=provider&weight=${generation * 100}&timestamp=${this.#timestamp}`;
    const url = `dubbo://${address}:${port}/${service}?${parameters}${serving ? '' : '&disabled=true'}`;
    return encodeURIComponent(url);
  }
}

function targetIn(name: string): string {
  return new URL(decodeURIComponent(name)).host;
}

/** Of two registrations of one address the later counts. */
function parse(service: string, names: readonly string[]): Entry[] {
  const latest = new Map<string, { readonly entry: Entry; readonly timestamp: number }>();
  for (const name of names) {
    const { host, hostname, port, searchParams } = new URL(decodeURIComponent(name));
    const timestamp = Number(searchParams.get('timestamp'));
    if ((latest.get(host)?.timestamp ?? 0) > timestamp) continue;
    const generation = Number(searchParams.get('weight')) / 100;
    const serving = searchParams.get('disabled') !== 'true';
    latest.set(host, { timestamp, entry: { service, address: hostname, port: Number(port), generation, serving } });
  }
  return [...latest.values()].map(({ entry }) => entry);
}
