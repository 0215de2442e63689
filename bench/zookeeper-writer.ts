import { createRequire } from 'node:module';
import pLimit from 'p-limit';
import { instanceAddress, interfaceName, providerNode, type Scale } from './scale.js';

/** The little of node-zookeeper-client that the bench uses; it has no types of its own. */
interface ZooKeeperClient {
  once(event: 'connected', listener: () => void): void;
  connect(): void;
  close(): void;
  create(path: string, data: Buffer, done: (error: Error | null) => void): void;
  remove(path: string, version: number, done: (error: Error | null) => void): void;
}

const zookeeper = createRequire(import.meta.url)('node-zookeeper-client') as {
  createClient(servers: string, options: { sessionTimeout: number }): ZooKeeperClient;
};

const inFlight = 256;
const root = '/dubbo';

/** Writes providers as Dubbo does. Persistent nodes, so that the registry stays warm when the writer has gone. */
export class ZookeeperWriter {
  readonly #client: ZooKeeperClient;

  private constructor(client: ZooKeeperClient) {
    this.#client = client;
  }

  static connect(address: string): Promise<ZookeeperWriter> {
    const client = zookeeper.createClient(address, { sessionTimeout: 30_000 });
    return new Promise((resolve) => {
      client.once('connected', () => resolve(new ZookeeperWriter(client)));
      client.connect();
    });
  }

  async seed({ services, instances }: Scale, onProgress: (done: number) => void): Promise<void> {
    const limit = pLimit(inFlight);
    await this.#create(root);
    let done = 0;
    await Promise.all(
      Array.from({ length: services }, (_, service) =>
        limit(async () => {
          const directory = `${root}/${interfaceName(service)}`;
          await this.#create(directory);
          await this.#create(`${directory}/providers`);
          for (let instance = 0; instance < instances; instance++) {
            await this.add(service, instanceAddress(service, instance));
          }
          if (++done % 1000 === 0) onProgress(done);
        }),
      ),
    );
  }

  add(service: number, address: string): Promise<void> {
    return this.#create(`${root}/${interfaceName(service)}/providers/${providerNode(service, address)}`);
  }

  remove(service: number, address: string): Promise<void> {
    const path = `${root}/${interfaceName(service)}/providers/${providerNode(service, address)}`;
    return new Promise((resolve, reject) => {
      this.#client.remove(path, -1, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#client.close();
  }

  #create(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.create(path, Buffer.alloc(0), (error) => (error ? reject(error) : resolve()));
    });
  }
}
