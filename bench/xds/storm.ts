import { setTimeout as delay } from 'node:timers/promises';
import { startClients, startServer } from './peers.js';
import type { StormFigures } from './sink-server.js';

export interface Storm {
  readonly services: number;
  readonly instances: number;
  readonly streams: number;
  readonly names: number;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface StormResult extends StormFigures {
  /** From when a change was due to when a client was told of it or of a later one, over all responses. */
  readonly lateP99Ms: number;
  readonly lateMaxMs: number;
  readonly responses: number;
  readonly cpuShare: number;
}

/** Changes of all services in turn, faster than clients can be told of each. */
export async function measureStorm(storm: Storm): Promise<StormResult> {
  const server = await startServer('isthmus', storm);
  try {
    const clients = await startClients(server.port, storm.streams, storm.names, storm.services);
    try {
      await delay(1000);
      const cpuBefore = server.process.cpuMs;
      server.process.tell(`storm ${storm.perSecond} ${storm.seconds}`);
      clients.tell(`storm ${await server.process.next('storm')}`);
      const figures = JSON.parse(await server.process.next('calm')) as StormFigures;
      const cpuShare = (server.process.cpuMs - cpuBefore) / (storm.seconds * 1000);
      await delay(2000);
      clients.end();
      const [p99 = 0, max = 0, responses = 0] = (await clients.next('late')).split(' ').map(Number);
      return { ...figures, cpuShare, lateP99Ms: p99, lateMaxMs: max, responses };
    } finally {
      await clients.stop();
    }
  } finally {
    await server.process.stop();
  }
}
