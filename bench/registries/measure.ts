import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { HostTemplate } from '../../core/catalog/host-template.js';
import { Naming } from '../../core/catalog/naming.js';
import { Engine } from '../../core/engine/engine.js';
import { type Source, systemClock } from '../../core/plugin/index.js';
import { poll } from '../../test/support/poll.js';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { quantile } from '../quantiles.js';
import type { Scale } from '../scale.js';
import { Reference } from './reference-process.js';
import type { RegistryCase, RunningCase } from './registry-case.js';

export interface RegistryFigures {
  readonly registry: RegistryCase;
  readonly changes: number;
  /** Write sent → in the catalog. */
  readonly overWriteMs: Quantiles;
  /** Write answered → in the catalog. */
  readonly overAnswerMs: Quantiles;
  /** The registry's own notification, as a bare client in another process gets it → in the catalog; negative: we were first. */
  readonly overNotificationMs: Quantiles | undefined;
  /** At rest with everything followed. */
  readonly connections: number;
  readonly messagesPerSecond: number;
  /** Eureka: requests for a delta in each poll. */
  readonly requests: ReadonlyMap<string, number>;
  readonly restMs: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly max: number;
}

const changedServices = 20;
const warmUps = 5;
const pauseMs = 200;
const restMs = 20_000;

export async function measureRegistry(
  registry: RegistryCase,
  scale: Scale,
  changes: number,
  say: (line: string) => void,
): Promise<RegistryFigures> {
  say(`${registry.name}: seeding`);
  const running = await registry.start(scale);
  try {
    say(`${registry.name}: changes`);
    const delays = await measureChanges(registry, running, scale, changes);
    say(`${registry.name}: at rest`);
    const rest = await measureRest(registry, running, scale);
    return { registry, changes, ...delays, ...rest };
  } finally {
    await running.close();
    await running.server.stop();
  }
}

async function measureChanges(registry: RegistryCase, running: RunningCase, scale: Scale, changes: number) {
  const services = Array.from({ length: changedServices }, (_, index) => (index * 7919) % scale.services);
  const args = running.reference(services);
  const reference = args && (await Reference.start(args));
  const catalog = await CatalogRun.start(registry, running.createSource(running.ports), scale);
  const overWrite: number[] = [];
  const overAnswer: number[] = [];
  const overNotification: number[] = [];
  try {
    for (let change = -warmUps; change < changes; change++) {
      const number = change + warmUps;
      const index = number % changedServices;
      const address = `10.254.${number >> 8}.${number & 255}`;
      const told = reference?.next(args?.[index + 2] ?? '', address);
      const seen = catalog.next(address);
      const beganNs = process.hrtime.bigint();
      await running.add(services[index] ?? 0, address);
      const answeredNs = process.hrtime.bigint();
      const seenNs = await seen;
      const toldNs = await told;
      if (change >= 0) {
        overWrite.push(Number(seenNs - beganNs) / 1e6);
        overAnswer.push(Number(seenNs - answeredNs) / 1e6);
        if (toldNs !== undefined) overNotification.push(Number(seenNs - toldNs) / 1e6);
      }
      await delay(pauseMs + Math.random() * pauseMs);
    }
  } finally {
    await catalog.stop();
    await reference?.stop();
  }
  return {
    overWriteMs: quantiles(overWrite),
    overAnswerMs: quantiles(overAnswer),
    overNotificationMs: overNotification.length === 0 ? undefined : quantiles(overNotification),
  };
}

/** Runs the source through proxies, which count: they would add to the delays. */
async function measureRest(registry: RegistryCase, running: RunningCase, scale: Scale) {
  const requests = new Map<string, number>();
  let messages = 0;
  const proxies = await Promise.all(running.ports.map((port) => TcpProxy.start({ port })));
  for (const proxy of proxies) {
    proxy.transformUp = (chunk) => {
      messages++;
      const path = /^GET (\S+)/.exec(chunk.subarray(0, 200).toString('latin1'))?.[1];
      if (path !== undefined) requests.set(path, (requests.get(path) ?? 0) + 1);
      return chunk;
    };
  }
  const ports = proxies.map((proxy) => proxy.port);
  const catalog = await CatalogRun.start(registry, running.createSource(ports), scale);
  try {
    await delay(5000);
    messages = 0;
    requests.clear();
    const beganMs = performance.now();
    await delay(restMs);
    const tookMs = performance.now() - beganMs;
    const connections = proxies.reduce((sum, proxy) => sum + proxy.open, 0);
    return { connections, messagesPerSecond: (messages / tookMs) * 1000, requests: new Map(requests), restMs: tookMs };
  } finally {
    await catalog.stop();
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
}

/** A catalog of one source, with everything between them that the daemon has. */
class CatalogRun {
  readonly #engine: Engine;
  readonly #abort = new AbortController();
  readonly #ended: Promise<unknown>;
  #wanted: { readonly address: string; readonly resolve: (atNs: bigint) => void } | undefined;

  private constructor(registry: RegistryCase, source: Source) {
    const name = 'bench';
    this.#engine = new Engine({
      sources: [{ name, kind: registry.kind, required: true, graceMs: 300_000, staleAfterMs: 300_000, source }],
      naming: new Naming([], new Map([[name, new HostTemplate(registry.defaultHost)]])),
      policyOf: () => ({ mode: 'union' }),
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    });
    this.#ended = Promise.all([this.#engine.run(this.#abort.signal), this.#follow()]);
  }

  static async start(registry: RegistryCase, source: Source, { services }: Scale): Promise<CatalogRun> {
    const run = new CatalogRun(registry, source);
    const isWhole = () => run.#engine.catalog.snapshot().services.size >= services;
    try {
      await poll(isWhole, { timeoutMs: 120_000, intervalMs: 100, what: 'the whole listing' });
    } catch (error) {
      const status = JSON.stringify(run.#engine.statuses());
      await run.stop();
      throw new Error(`${registry.name} is not read: ${status}`, { cause: error });
    }
    return run;
  }

  /** When an instance with this address stands in the catalog. */
  next(address: string): Promise<bigint> {
    return new Promise((resolve) => {
      this.#wanted = { address, resolve };
    });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#ended;
  }

  async #follow(): Promise<void> {
    for await (const { reset, upserts } of this.#engine.catalog.watch(this.#abort.signal)) {
      const atNs = process.hrtime.bigint();
      const wanted = this.#wanted;
      if (reset || !wanted) continue;
      const isThere = upserts.some(({ origins }) =>
        origins.some(({ instances }) => instances.some(({ address }) => address === wanted.address)),
      );
      if (isThere) wanted.resolve(atNs);
    }
  }
}

function quantiles(values: readonly number[]): Quantiles {
  return { p50: quantile(values, 0.5), p90: quantile(values, 0.9), max: Math.max(...values) };
}
