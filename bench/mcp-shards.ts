import { setTimeout as delay } from 'node:timers/promises';
import { mcpSchema } from '../sinks/mcp/config.js';
import { configSources } from '../sinks/mcp/mesh-config.js';
import { type IstiodServer, startIstiod } from '../test/servers/istiod.js';
import { MemoryCatalog } from '../test/sinks/support/memory-catalog.js';
import { runSink } from '../test/sinks/support/running-sink.js';
import { catalogService } from '../test/sinks/support/services.js';
import { AdsClient } from '../test/support/ads-client.js';
import { anInstance } from '../test/support/model.js';
import { cpuMs } from './process-stat.js';
import { quantile } from './quantiles.js';
import { describeScale, instanceAddress, type Scale } from './scale.js';

const scale: Scale = { services: 10_000, instances: 10 };
const counts = (process.argv[3] ?? '1,16').split(',').map(Number);
const warmUps = 5;
const changes = 40;
const pauseMs = 250;
/** Low enough for the ports of shards above it. */
const listen = '127.0.0.1:21010';

interface Figures {
  readonly shards: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly maxMs: number;
  readonly istiodCpuMs: number;
}

const hostOf = (service: number) => `service-${service}.bench`;

/** No two services share an address: istiod looks services up by the addresses that changed. */
function serviceOf(service: number, count: number) {
  const all = Array.from({ length: count }, (_, index) =>
    anInstance(`i${index}`, { address: instanceAddress(service, index), ports: { http: 8080 } }),
  );
  return catalogService(hostOf(service), all);
}

async function measure(shards: number): Promise<Figures> {
  const catalog = new MemoryCatalog();
  const all = Array.from({ length: scale.services }, (_, index) => serviceOf(index, scale.instances));
  catalog.put(...all);
  const options = { listen, shards, shardBy: 'port' as const };
  const sink = await runSink(catalog, options);
  let istiod: IstiodServer | undefined;
  let sidecar: AdsClient | undefined;
  try {
    const sources = configSources(mcpSchema.parse(options), { host: '127.0.0.1' }).map(({ address }) => address);
    istiod = await startIstiod({ configSources: sources.filter((address) => address !== 'k8s://') });
    const pid = istiod.pid ?? 0;
    sidecar = new AdsClient(istiod.adsAddress);
    const cluster = (service: number) => `outbound|80||${hostOf(service)}`;
    // Spread over the catalog, and so over the shards.
    const changed = Array.from({ length: warmUps + changes }, (_, index) => (index * 211) % scale.services);
    for (const service of changed) {
      await sidecar.waitForEndpoints(cluster(service), (list) => list.length === scale.instances, {
        timeoutMs: 120_000,
      });
    }
    await delay(5000);
    const idleFromMs = cpuMs(pid);
    const idleMs = 5000;
    await delay(idleMs);
    const idleCpuMs = cpuMs(pid) - idleFromMs;
    const times: number[] = [];
    let cpuFromMs = 0;
    let beganMs = 0;
    for (const [index, service] of changed.entries()) {
      if (index === warmUps) {
        cpuFromMs = cpuMs(pid);
        beganMs = performance.now();
      }
      const putMs = performance.now();
      catalog.put(serviceOf(service, scale.instances + 1));
      await sidecar.waitForEndpoints(cluster(service), (list) => list.length === scale.instances + 1);
      if (index >= warmUps) times.push(performance.now() - putMs);
      await delay(pauseMs);
    }
    const usedMs = cpuMs(pid) - cpuFromMs - (idleCpuMs * (performance.now() - beganMs)) / idleMs;
    return {
      shards,
      p50Ms: quantile(times, 0.5),
      p90Ms: quantile(times, 0.9),
      maxMs: Math.max(...times),
      istiodCpuMs: usedMs / changes,
    };
  } finally {
    sidecar?.close();
    await istiod?.stop();
    await sink.stop();
  }
}

/**
 * What a change of one service costs a real istiod that reads the catalog as one config source, and as sixteen, in one run;
 * and how long it takes from the catalog to the endpoints at a sidecar. @returns Markdown
 */
export async function measureShards(say: (line: string) => void): Promise<string> {
  const figures: Figures[] = [];
  for (const count of counts) {
    say(`MCP: ${count} config sources, a real istiod`);
    figures.push(await measure(count));
  }
  const [one, many] = figures;
  const ratio = one && many ? one.istiodCpuMs / many.istiodCpuMs : Number.NaN;
  return [
    `# MCP in shards, a real istiod, ${describeScale(scale)}`,
    '',
    `${changes} changes of one service each, PILOT_DEBOUNCE_AFTER=10ms; CPU is istiod's less what it uses when idle.`,
    '',
    '| config sources | change → EDS at a sidecar, p50 | p90 | max | CPU of istiod a change |',
    '| --- | --- | --- | --- | --- |',
    ...figures.map(({ shards, p50Ms, p90Ms, maxMs, istiodCpuMs }) => {
      const ms = [p50Ms, p90Ms, maxMs, istiodCpuMs].map((value) => `${value.toFixed(1)} ms`);
      return `| ${shards} | ${ms.join(' | ')} |`;
    }),
    `| bars at ${counts.at(-1)} | ≤ 40 ms | | | ≤ 1/10: 1/${ratio.toFixed(1)} |`,
    '',
  ].join('\n');
}
