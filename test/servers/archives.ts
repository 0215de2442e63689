import { dumpArchive, javaVersion, prepareArchive } from './build/class-archive.js';
import { startDubboProvider } from './dubbo.js';
import { startEureka } from './eureka.js';
import { startNacos1 } from './nacos1.js';
import { startNacos2 } from './nacos2.js';
import { startNacos3 } from './nacos3.js';
import type { ServerHandle } from './process.js';
import { startSpringCloudApp } from './spring-cloud.js';
import { startZookeeper } from './zookeeper.js';

/** Starts an artefact as the tests do: itself first, then what it needs beside it. */
type Starter = (signal: AbortSignal) => Promise<ServerHandle[]>;

const dubbo =
  (version: '3.3' | '3.2' | '2.7'): Starter =>
  async (signal) => {
    const zookeeper = await startZookeeper({ signal });
    const provider = startDubboProvider({
      registry: `zookeeper://${zookeeper.address}`,
      application: 'recorded',
      version,
      ...(version !== '2.7' && { registerMode: 'all', protocols: ['dubbo', 'tri'] }),
      signal,
    });
    return [await started(provider, zookeeper), zookeeper];
  };

/** The Java artefacts, in the order in which they need each other. */
const starters: Readonly<Record<string, Starter>> = {
  zookeeper: async (signal) => [await startZookeeper({ signal })],
  nacos1: async (signal) => [await startNacos1({ signal })],
  nacos2: async (signal) => [await startNacos2({ signal })],
  nacos3: async (signal) => [await startNacos3({ signal })],
  eureka: async (signal) => [await startEureka({ signal })],
  dubbo3: dubbo('3.3'),
  dubbo32: dubbo('3.2'),
  dubbo27: dubbo('2.7'),
  'spring-cloud': async (signal) => {
    const eureka = await startEureka({ signal });
    const registry = { kind: 'eureka', url: eureka.url } as const;
    return [await started(startSpringCloudApp({ registry, application: 'recorded', signal }), eureka), eureka];
  },
};

/** Starts an artefact once and archives the classes that it loads, so that its later starts take half the time. */
export async function record(name: string, signal: AbortSignal): Promise<void> {
  const start = starters[name];
  if (!start) throw new Error(`${name} is no Java artefact`);
  await prepareArchive(name, signal);
  const servers = await start(signal);
  try {
    const { pid } = servers[0] as ServerHandle;
    if (pid === undefined) throw new Error(`${name} has ended`);
    await dumpArchive(name, pid, await javaVersion(), signal);
  } finally {
    for (const server of servers) await server.kill();
  }
}

async function started<T>(starting: Promise<T>, beside: ServerHandle): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    await beside.kill();
    throw error;
  }
}
