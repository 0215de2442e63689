import { createRequire } from 'node:module';
import { Agent, request } from 'undici';
import { NacosWriter } from '../../test/support/nacos-writer.js';

/**
 * Follows services with the registry's own means and nothing else, in a process of its own, and sends on when it is told
 * of a change, before it looks at it:
 *
 *   reference.ts zookeeper HOST:PORT PATH... | nacos GRPC_PORT SERVICE... | consul URL SERVICE...
 */
export interface Notification {
  /** Of `process.hrtime.bigint()`, which all processes of a machine share. */
  readonly atNs: string;
  /** The service, as given. */
  readonly service: string;
  /** What came with it; empty where a notification tells of no content. */
  readonly text: string;
}

type Tell = (service: string, text: string, atNs: bigint) => void;

const tell: Tell = (service, text, atNs) => {
  process.send?.({ atNs: `${atNs}`, service, text } satisfies Notification);
};

const follow: Readonly<Record<string, (server: string, services: readonly string[]) => Promise<void>>> = {
  async zookeeper(server, paths) {
    const zookeeper = createRequire(import.meta.url)('node-zookeeper-client') as {
      createClient(servers: string): {
        once(event: 'connected', listener: () => void): void;
        connect(): void;
        getChildren(path: string, onEvent: () => void, done: (error: Error | null) => void): void;
      };
    };
    const client = zookeeper.createClient(server);
    const connected = new Promise<void>((resolve) => client.once('connected', resolve));
    client.connect();
    await connected;
    const watch = (path: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const onEvent = () => {
          tell(path, '', process.hrtime.bigint());
          watch(path).catch(fail);
        };
        client.getChildren(path, onEvent, (error) => (error ? reject(error) : resolve()));
      });
    await Promise.all(paths.map(watch));
  },

  async nacos(grpcPort, services) {
    for (const service of services) {
      const client = await NacosWriter.connect({ grpcPort: Number(grpcPort) });
      await client.subscribe({ service }, (type, body) => {
        const atNs = process.hrtime.bigint();
        if (type === 'NotifySubscriberRequest') tell(service, JSON.stringify(body), atNs);
      });
    }
  },

  async consul(url, services) {
    const dispatcher = new Agent({ connections: 200 });
    const watch = async (service: string, ready: () => void) => {
      let index = '0';
      for (;;) {
        const path = `${url}/v1/health/service/${service}?index=${index}&wait=300s`;
        const response = await request(path, { dispatcher, headersTimeout: 400_000 });
        const atNs = process.hrtime.bigint();
        index = String(response.headers['x-consul-index']);
        tell(service, await response.body.text(), atNs);
        ready();
      }
    };
    await Promise.all(services.map((service) => new Promise<void>((ready) => void watch(service, ready).catch(fail))));
  },
};

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

process.once('disconnect', () => process.exit(0));
const [kind = '', server = '', ...services] = process.argv.slice(2);
const start = follow[kind];
if (start) start(server, services).then(() => process.send?.('ready'), fail);
