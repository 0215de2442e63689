import { join } from 'node:path';
import type { Logger } from 'pino';
import { adapters } from '../adapters/index.js';
import type { Config } from '../core/config/config.js';
import { configHash } from '../core/config/config-hash.js';
import { guardRulesOf } from '../core/config/guard-rules.js';
import { mergePolicyOf } from '../core/config/merge-policy.js';
import { namingOf } from '../core/config/naming-of.js';
import { Engine } from '../core/engine/engine.js';
import { History } from '../core/history/history.js';
import { clientRoutes } from '../core/operate/client-routes.js';
import { guardRoutes } from '../core/operate/guard-routes.js';
import type { QuarantineDesk } from '../core/operate/quarantine-desk.js';
import { quarantineRoutes } from '../core/operate/quarantine-routes.js';
import { sourceRoutes } from '../core/operate/source-routes.js';
import { Why } from '../core/operate/why.js';
import { whyRoutes } from '../core/operate/why-routes.js';
import type { Adapter, Deps, HttpRoutes } from '../core/plugin/index.js';
import type { Sink } from '../core/sink/sink.js';
import { addCoreMetrics } from '../core/telemetry/core-metrics.js';
import { addDiskMetrics } from '../core/telemetry/disk-metrics.js';
import { createLogger } from '../core/telemetry/logger.js';
import { addProcessMetrics, createRegistry } from '../core/telemetry/metrics.js';
import { systemClock, wallClock } from '../core/time/index.js';
import { DiskWarmStore } from '../core/warm/disk-warm-store.js';
import { type ApiServer, createApiServer } from '../sinks/api/index.js';
import { sinks as sinkPlugins } from '../sinks/index.js';
import { deskOf, shapingOf } from './shaping.js';
import { version } from './version.js';

/** Everything a configuration can name. */
export const plugins = { sources: adapters, sinks: sinkPlugins } as const;

/** The parts of a daemon, made and connected, none of them started. */
export interface DaemonParts {
  readonly engine: Engine;
  /** Absent: none is kept. */
  readonly history?: History;
  readonly api: ApiServer;
  /** To be loaded before the engine runs. */
  readonly quarantine: QuarantineDesk;
  readonly sinks: readonly { readonly name: string; readonly kind: string; readonly sink: Sink }[];
  readonly logger: Logger;
}

/** Makes the parts that a configuration asks for; does no I/O. The one place that sees adapters and sinks together. */
export function assemble(config: Config): DaemonParts {
  const logger = createLogger({ ...config.log, site: config.site, colorize: process.stderr.isTTY });
  const metrics = createRegistry();
  addProcessMetrics(metrics, version);
  // Routes are collected before the server that serves them exists: it needs the engine, which needs the sources.
  const routes: Parameters<HttpRoutes['add']>[0][] = [];
  const depsOf = (part: 'source' | 'sink', name: string): Deps => ({
    name,
    logger: logger.child({ [part]: name }),
    clock: systemClock,
    dataDir: join(config.data, `${part}s`, name),
    http: { add: (route) => void routes.push(route) },
    metrics,
  });
  const store = config.warmStart.enabled ? warmStoreOf(config, logger) : undefined;
  const shaping = shapingOf(config);
  const naming = namingOf(config, adapters);
  const history = config.history.enabled ? historyOf(config, logger) : undefined;
  const engine = new Engine({
    sources: config.sources.map((source) => ({
      ...source,
      guards: guardRulesOf(config.guards, source.guards),
      source: adapterOf(source.kind).create(source.config, depsOf('source', source.name)),
    })),
    naming,
    policyOf: mergePolicyOf(config.merge),
    clock: systemClock,
    logger,
    shape: (...of) => shaping.shaper.shape(...of),
    onTick: (nowMs) => quarantine.tick(nowMs),
    restoredGraceMs: config.warmStart.graceMs,
    ...(store === undefined ? {} : { store }),
    ...(history === undefined ? {} : { onChanged: (changes) => history.record(changes) }),
  });
  const quarantine = deskOf(config, shaping, engine, logger);
  const isRead = (source: string) => engine.isRead(source);
  const sinks = config.sinks.map(({ name, kind, config: own }) => {
    const plugin = sinkPlugins.find((candidate) => candidate.kind === kind);
    if (!plugin) throw new Error(`no sink of kind ${kind}`);
    const sinkDeps = { ...depsOf('sink', name), consumers: engine.consumers(), site: config.site, isRead };
    return { name, kind, sink: plugin.create(own, sinkDeps) };
  });
  const sinkStatuses = () => sinks.map(({ name, kind, sink }) => ({ name, kind, ...sink.status() }));
  const api = createApiServer({
    ...config.api,
    catalog: engine.catalog,
    sources: () => engine.statuses(),
    sinks: sinkStatuses,
    problems: () => engine.catalog.problems(),
    missing: () => engine.missing,
    ...(history === undefined ? {} : { history }),
    metrics,
    logger,
  });
  const operating = [
    ...guardRoutes(engine, systemClock),
    ...sourceRoutes(engine),
    ...clientRoutes(sinks),
    ...quarantineRoutes(quarantine, systemClock),
    ...whyRoutes(new Why({ units: engine.units, catalog: engine.catalog, naming, shaper: shaping.shaper, sinks })),
  ];
  for (const route of [...operating, ...routes]) api.routes.add(route);
  addCoreMetrics(metrics, {
    sources: () => engine.statuses(),
    revision: () => engine.catalog.revision,
    isReady: () => engine.catalog.isReady,
    hosts: () => engine.catalog.size,
    changedHosts: () => engine.catalog.changedServices,
    problems: () => engine.catalog.problems().length,
    guards: () => engine.units.map(({ name, guarded }) => ({ name, holds: guarded.holds(), counts: guarded.counts })),
  });
  addDiskMetrics(metrics, { warmStart: () => store?.status(), history: () => history?.status() });
  return { engine, api, quarantine, sinks, logger, ...(history === undefined ? {} : { history }) };
}

/** What is kept on disk of a source whose guards let it grow as old as it may. */
const longestAgeMs = 30 * 86_400_000;

function warmStoreOf(config: Config, logger: Logger): DiskWarmStore {
  const ages = config.sources.map(
    ({ guards }) => guardRulesOf(config.guards, guards).staleness?.maxAgeMs ?? longestAgeMs,
  );
  return new DiskWarmStore({
    dir: join(config.data, 'catalog'),
    maxAgeMs: Math.max(...ages),
    maxBytes: config.warmStart.maxBytes,
    clock: systemClock,
    logger,
  });
}

function historyOf(config: Config, logger: Logger): History {
  return new History({
    dir: join(config.data, 'history'),
    maxBytes: config.history.maxBytes,
    maxAgeMs: config.history.maxAgeMs,
    version,
    configHash: configHash(config),
    clock: wallClock,
    logger,
  });
}

function adapterOf(kind: string): Adapter {
  const adapter = adapters.find((candidate) => candidate.kind === kind);
  if (!adapter) throw new Error(`no adapter of kind ${kind}`);
  return adapter;
}
