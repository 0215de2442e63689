import { NacosNamingClient } from 'nacos';

const quiet = () => undefined;

/** The client insists on a console to log to and would fill the tests' output. */
const logger: Console = { ...console, log: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

/** The npm client of Nacos, as legacy Node applications use it: version 1 of the HTTP API, with heartbeats. */
export class LegacyNacosClient {
  readonly #client: NacosNamingClient;

  private constructor(client: NacosNamingClient) {
    this.#client = client;
  }

  /** @param address `host:port` @param login for a server that asks for one; the package's own types leave it out */
  static async connect(
    address: string,
    login: { readonly username?: string; readonly password?: string } = {},
  ): Promise<LegacyNacosClient> {
    const options = { logger, serverList: address, namespace: 'public', ...login };
    const client = new NacosNamingClient(options);
    await client.ready();
    return new LegacyNacosClient(client);
  }

  /** Registers `ip`:8080, or changes it; it stays healthy as long as the client lives. */
  async register(service: string, ip: string, change: object = {}, group?: string): Promise<void> {
    await this.#client.registerInstance(service, { ...instanceOf(ip), ...change }, group);
  }

  async deregister(service: string, ip: string, group?: string): Promise<void> {
    await this.#client.deregisterInstance(service, instanceOf(ip), group);
  }

  /** Ends the heartbeats; the package's own types leave it out. */
  async close(): Promise<void> {
    await (this.#client as unknown as { close(): Promise<void> }).close();
  }
}

function instanceOf(ip: string) {
  return {
    instanceId: '',
    ip,
    port: 8080,
    healthy: true,
    enabled: true,
    ephemeral: true,
    weight: 1,
    clusterName: 'DEFAULT',
  };
}
