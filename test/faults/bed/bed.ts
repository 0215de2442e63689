import { startToxiproxy, type Toxiproxy } from '../../servers/toxiproxy.js';
import { ConsulRegistry } from '../registries/consul.js';
import { EurekaRegistry } from '../registries/eureka.js';
import { NacosRegistry } from '../registries/nacos.js';
import type { Registry, RegistryKind } from '../registries/registry.js';
import { ZookeeperRegistry } from '../registries/zookeeper.js';

const starters: Readonly<Record<RegistryKind, (toxiproxy: Toxiproxy) => Promise<Registry>>> = {
  zookeeper: (toxiproxy) => ZookeeperRegistry.start(toxiproxy),
  consul: (toxiproxy) => ConsulRegistry.start(toxiproxy),
  eureka: (toxiproxy) => EurekaRegistry.start(toxiproxy),
  nacos2: (toxiproxy) => NacosRegistry.start('nacos2', toxiproxy),
  nacos3: (toxiproxy) => NacosRegistry.start('nacos3', toxiproxy),
};

/** The real registries behind Toxiproxy. Each is started when a run first needs it and serves all later runs. */
export class Bed {
  /** Whether the daemon is run as it was built, not from the sources. */
  readonly isBuilt: boolean;
  readonly #toxiproxy: Toxiproxy;
  readonly #registries = new Map<RegistryKind, Registry>();

  private constructor(toxiproxy: Toxiproxy, isBuilt: boolean) {
    this.isBuilt = isBuilt;
    this.#toxiproxy = toxiproxy;
  }

  static async start(options: { readonly isBuilt?: boolean } = {}): Promise<Bed> {
    return new Bed(await startToxiproxy(), options.isBuilt ?? false);
  }

  async registry(kind: RegistryKind): Promise<Registry> {
    const known = this.#registries.get(kind);
    if (known) return known;
    const registry = await starters[kind](this.#toxiproxy);
    this.#registries.set(kind, registry);
    return registry;
  }

  /** Ends a registry that a run has left in disorder; the next run gets a new one. */
  async discard(kind: RegistryKind): Promise<void> {
    const registry = this.#registries.get(kind);
    this.#registries.delete(kind);
    await registry?.stop();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#registries.keys()].map((kind) => this.discard(kind)));
    await this.#toxiproxy.kill();
  }
}
