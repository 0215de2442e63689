import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { consulAdapter } from '../../adapters/consul/index.js';
import { eurekaAdapter } from '../../adapters/eureka/index.js';
import { nacosAdapter } from '../../adapters/nacos/index.js';
import { zookeeperAdapter } from '../../adapters/zookeeper/index.js';
import { ConsulWriter } from '../../test/adapters/consul/consul-writer.js';
import { makeSource as consulSource } from '../../test/adapters/consul/make-source.js';
import { EurekaWriter } from '../../test/adapters/eureka/eureka-writer.js';
import { makeSource as eurekaSource, makeDeps } from '../../test/adapters/eureka/make-source.js';
import { consulCertificates, startConsul } from '../../test/servers/consul.js';
import { startEureka } from '../../test/servers/eureka.js';
import type { NacosServer } from '../../test/servers/nacos.js';
import { startNacos2 } from '../../test/servers/nacos2.js';
import { startNacos3 } from '../../test/servers/nacos3.js';
import { startZookeeper } from '../../test/servers/zookeeper.js';
import { type NacosInstance, NacosWriter } from '../../test/support/nacos-writer.js';
import { instanceAddress, interfaceName, type Scale } from '../scale.js';
import { ZookeeperWriter } from '../zookeeper-writer.js';
import type { RegistryCase, RunningCase } from './registry-case.js';

const overNotification = {
  text: 'p50 ≤ 5 ms over the notification',
  measure: 'over-notification',
  limitMs: 5,
} as const;
const serviceName = (service: number) => `service-${service}`;
const port = 8080;

const zookeeper: RegistryCase = {
  name: 'ZooKeeper 3.9',
  kind: 'zookeeper',
  defaultHost: zookeeperAdapter.defaultHost,
  bar: overNotification,
  async start(scale) {
    const server = await startZookeeper();
    const writer = await ZookeeperWriter.connect(server.address);
    await writer.seed(scale, () => undefined);
    return {
      server,
      ports: [server.port],
      createSource: ([own]) =>
        zookeeperAdapter.create(zookeeperAdapter.schema.parse({ servers: [`127.0.0.1:${own}`] }), makeDeps()),
      reference: (services) => [
        'zookeeper',
        server.address,
        ...services.map((service) => `/dubbo/${interfaceName(service)}/providers`),
      ],
      add: (service, address) => writer.add(service, address),
      close: async () => writer.close(),
    };
  },
};

const nacos = (version: 2 | 3, start: () => Promise<NacosServer>): RegistryCase => ({
  name: version === 2 ? 'Nacos 2.3' : 'Nacos 3.1',
  kind: 'nacos',
  defaultHost: nacosAdapter.defaultHost,
  bar: overNotification,
  async start(scale) {
    const server = await start();
    const writer = await NacosWriter.connect({ grpcPort: server.grpcPort });
    const content = new Map<number, NacosInstance[]>();
    await eachService(scale, 32, async (service, addresses) => {
      const instances = addresses.map((ip) => ({ ip, port }));
      content.set(service, instances);
      await writer.set({ service: serviceName(service) }, instances);
    });
    return {
      server,
      ports: [server.port, server.grpcPort],
      createSource: ([http = 0, grpc = 0]) =>
        nacosAdapter.create(
          nacosAdapter.schema.parse({
            servers: [`http://127.0.0.1:${http}`],
            grpcPortOffset: grpc - http,
            // The server of the tests has no console, so namespaces cannot be listed.
            namespaces: ['public'],
          }),
          makeDeps(),
        ),
      reference: (services) => ['nacos', `${server.grpcPort}`, ...services.map(serviceName)],
      add: async (service, ip) => {
        const instances = content.get(service) ?? [];
        instances.push({ ip, port });
        await writer.set({ service: serviceName(service) }, instances);
      },
      close: async () => writer.close(),
    };
  },
});

const consul = (scheme: 'http' | 'https'): RegistryCase => ({
  name: scheme === 'https' ? 'Consul 1.12, https' : 'Consul 1.12, http',
  kind: 'consul',
  defaultHost: consulAdapter.defaultHost,
  bar: overNotification,
  async start(scale) {
    const dir = await mkdtemp(join(tmpdir(), 'isthmus-bench-consul-'));
    const certificates = await consulCertificates(dir);
    const server = await startConsul({ certificates });
    const writer = new ConsulWriter(server);
    const add = (service: number, address: string) =>
      writer.register({ name: serviceName(service), id: `${service}-${address}`, address, port });
    await eachService(scale, 32, async (service, addresses) => {
      for (const address of addresses) await add(service, address);
    });
    const tls = scheme === 'https' ? { tls: { ca: certificates.ca, ...certificates.client } } : {};
    return {
      server,
      ports: [scheme === 'https' ? Number(new URL(server.httpsUrl).port) : server.port],
      createSource: ([own]) => consulSource({ servers: [`${scheme}://127.0.0.1:${own}`], ...tls }),
      reference: (services) => ['consul', server.url, ...services.map(serviceName)],
      add,
      close: async () => {
        writer.close();
        await rm(dir, { recursive: true });
      },
    };
  },
});

/** Eureka notifies nobody: what counts is that a change waits for no more than the next poll. */
export const eurekaIntervalMs = 1000;
const jitter = 1.1;

const eureka: RegistryCase = {
  name: 'Eureka 2.0',
  kind: 'eureka',
  defaultHost: eurekaAdapter.defaultHost,
  bar: {
    text: `max ≤ ${Math.round(eurekaIntervalMs * jitter)} ms (the poll interval with its jitter) + 50 ms since the answer`,
    measure: 'over-answer',
    limitMs: eurekaIntervalMs * jitter + 50,
  },
  async start(scale) {
    // Without its read-only cache the server shows a change at once; with it, up to 30 s late, whoever asks.
    // What was seeded leaves the delta before it is measured: by default it is in each one for three minutes.
    const server = await startEureka({
      properties: {
        'eureka.server.use-read-only-response-cache': false,
        'eureka.server.retention-time-in-m-s-in-delta-queue': 5000,
        'eureka.server.delta-retention-timer-interval-in-ms': 1000,
      },
    });
    const writer = new EurekaWriter(server.url);
    const add = (service: number, address: string) =>
      writer.register(serviceName(service).toUpperCase(), { id: `${service}-${address}`, address, port });
    await eachService(scale, 16, async (service, addresses) => {
      for (const address of addresses) await add(service, address);
    });
    return {
      server,
      ports: [server.port],
      createSource: ([own]) =>
        eurekaSource({ servers: [`http://127.0.0.1:${own}/eureka`], intervalMs: eurekaIntervalMs }),
      reference: () => undefined,
      add,
      close: async () => undefined,
    } satisfies RunningCase;
  },
};

async function eachService(
  { services, instances }: Scale,
  concurrency: number,
  write: (service: number, addresses: readonly string[]) => Promise<void>,
): Promise<void> {
  const limit = pLimit(concurrency);
  const indices = Array.from({ length: services }, (_, service) => service);
  const addresses = (service: number) =>
    Array.from({ length: instances }, (_, instance) => instanceAddress(service, instance));
  await Promise.all(indices.map((service) => limit(() => write(service, addresses(service)))));
}

export const registryCases: readonly RegistryCase[] = [
  zookeeper,
  nacos(2, startNacos2),
  nacos(3, startNacos3),
  consul('https'),
  consul('http'),
  eureka,
];
