import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '../quantiles.js';
import { startClients, startServer } from './peers.js';

export interface FanOutFigures {
  /** The change → the last of the clients has it; median and 90th percentile. */
  readonly lastMs: { readonly p50: number; readonly p90: number };
  /** The change → the last response is handed to HTTP/2; median, of ours alone. */
  readonly writtenMs: number | undefined;
  /** Of the server. */
  readonly cpuMsPerChange: number;
  readonly rssMb: number;
}

const warmUps = 10;
const pauseMs = 100;

export interface FanOut {
  readonly services: number;
  readonly instances: number;
  readonly streams: number;
  readonly names: number;
  readonly changes: number;
}

/** One change after the other of a service that all streams ask for. */
export async function measureFanOut(kind: 'isthmus' | 'go', scale: FanOut): Promise<FanOutFigures> {
  const { services, instances, streams, names, changes } = scale;
  const server = await startServer(kind, { services, instances });
  try {
    const clients = await startClients(server.port, streams, names, services);
    try {
      const times: number[] = [];
      const written: number[] = [];
      let cpuBefore = 0;
      for (let change = 1 - warmUps; change <= changes; change++) {
        if (change === 1) cpuBefore = server.process.cpuMs;
        const startNs = nowNs();
        server.process.tell('change 0');
        const [, lastNs = ''] = (await clients.next('told')).split(' ');
        if (change >= 1) times.push(Number(BigInt(lastNs) - startNs) / 1e6);
        if (change >= 1 && kind === 'isthmus') {
          server.process.tell('written');
          written.push(Number(await server.process.next('written')));
        }
        await delay(pauseMs);
      }
      return {
        lastMs: { p50: quantile(times, 0.5), p90: quantile(times, 0.9) },
        writtenMs: written.length > 0 ? quantile(written, 0.5) : undefined,
        cpuMsPerChange: (server.process.cpuMs - cpuBefore) / changes,
        rssMb: server.process.memoryMb.rss,
      };
    } finally {
      await clients.stop();
    }
  } finally {
    await server.process.stop();
  }
}

/** Since the epoch, on the clock that all processes share. */
function nowNs(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
}
