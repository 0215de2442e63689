import { once } from 'node:events';
import { startConsul } from './consul.js';
import { startDnsServer } from './dns.js';
import { startEnvoy } from './envoy.js';
import { startEureka } from './eureka.js';
import { startIstiod } from './istiod.js';
import { startKube } from './kube.js';
import { startNacos1 } from './nacos1.js';
import { startNacos2 } from './nacos2.js';
import { startNacos3 } from './nacos3.js';
import type { ServerHandle } from './process.js';
import { startZookeeper } from './zookeeper.js';

/**
 * Starts one test server by hand, prints where it is and stops it on Ctrl-C:
 *
 *   npx tsx test/servers/start.ts zookeeper | nacos1 | nacos2 | nacos3 | eureka | consul | dns | kube
 *   npx tsx test/servers/start.ts istiod xds://127.0.0.1:15010...
 *   npx tsx test/servers/start.ts envoy 127.0.0.1:15020 edge
 */
const starters: Readonly<Record<string, (args: readonly string[], signal: AbortSignal) => Promise<ServerHandle>>> = {
  zookeeper: (_args, signal) => startZookeeper({ signal }),
  nacos1: (_args, signal) => startNacos1({ signal }),
  nacos2: (_args, signal) => startNacos2({ signal }),
  nacos3: (_args, signal) => startNacos3({ signal }),
  eureka: (_args, signal) => startEureka({ signal }),
  consul: (_args, signal) => startConsul({ signal }),
  envoy: ([ads = '127.0.0.1:15020', cluster = 'edge'], signal) => startEnvoy({ ads, cluster, signal }),
  dns: (_args, signal) => startDnsServer({ signal }),
  kube: async (_args, signal) => {
    const kube = await startKube({ signal });
    return { ...kube, stop: kube.stopAll };
  },
  istiod: (configSources, signal) => startIstiod({ configSources, signal }),
};

async function main(name: string | undefined, args: readonly string[]): Promise<void> {
  const start = name === undefined ? undefined : starters[name];
  if (!start) throw new Error(`which server? one of ${Object.keys(starters).join(', ')}`);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));
  const server = await start(args, interrupted.signal);
  for (const [key, value] of Object.entries(server)) {
    if (typeof value === 'string' || typeof value === 'number') console.log(`${key}: ${value}`);
  }
  console.log(`pid: ${server.pid}\ndata: ${server.dataDir}\nCtrl-C stops it`);
  const keepAlive = setInterval(() => undefined, 60_000);
  if (!interrupted.signal.aborted) await once(interrupted.signal, 'abort');
  clearInterval(keepAlive);
  await server.stop();
}

try {
  const [name, ...args] = process.argv.slice(2);
  await main(name, args);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
