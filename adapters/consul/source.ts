import { readFile } from 'node:fs/promises';
import { Counter, type Registry } from 'prom-client';
import { backoffMs, type Deps, type Source, type SourceOutput } from '../../core/plugin/index.js';
import { ConsulClient, type TlsMaterial } from './client.js';
import type { ConsulConfig } from './config.js';
import { toConsulError } from './consul-error.js';
import { DatacenterSession } from './datacenter-session.js';
import { Publication, type PublishedDatacenter } from './publication.js';
import { Published } from './published.js';
import type { DatacenterOutput } from './service-reader.js';
import { Sharing } from './sharing.js';
import { TaskGroup } from './task-group.js';

type SourceDeps = Pick<Deps, 'name' | 'logger' | 'clock' | 'metrics'>;

interface Datacenter extends PublishedDatacenter {
  /** As it is asked for; undefined: the agent's own. */
  readonly name: string | undefined;
  /** Empty for the first, home. */
  readonly attribute: string;
}

const retry = { baseMs: 250, maxMs: 10_000 };
/** A session that ends sooner after its listing counts as failed: a listing is the most that a registry can be asked. */
const steadyMs = 30_000;
const maxForgetIntervalMs = 10_000;
const auditMetric = 'isthmus_consul_audit_differences_total';

/** Follows the datacenters of one Consul: each by itself, session after session, published as one source. */
export class ConsulSource implements Source {
  readonly #config: ConsulConfig;
  readonly #deps: SourceDeps;
  readonly #datacenters: readonly Datacenter[];
  readonly #auditDifferences: Counter<string>;

  constructor(config: ConsulConfig, deps: SourceDeps) {
    this.#config = config;
    this.#deps = deps;
    const names = config.datacenters.length === 0 ? [undefined] : config.datacenters;
    this.#datacenters = names.map((name, index) => ({
      name,
      attribute: index === 0 ? '' : (name ?? ''),
      scope: names.length === 1 ? undefined : name,
      published: new Published(config.forgetEmptyAfterMs),
    }));
    this.#auditDifferences = auditCounter(deps.metrics);
  }

  async run(out: SourceOutput, signal: AbortSignal): Promise<void> {
    const publication = new Publication(out, this.#datacenters);
    const group = new TaskGroup(signal);
    for (const datacenter of this.#datacenters) {
      group.start((within) => this.#follow(datacenter, publication, within));
    }
    group.start((within) => this.#forget(publication, within));
    await group.ended().catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  /** One session after another, each on the next server. */
  async #follow(datacenter: Datacenter, publication: Publication, signal: AbortSignal): Promise<void> {
    const { servers } = this.#config;
    const { clock } = this.#deps;
    let attempt = 0;
    let shortSessions = 0;
    let listedMs: number | undefined;
    const output = this.#output(datacenter, publication, () => {
      listedMs = clock.now();
      attempt = shortSessions;
    });
    for (let turn = 0; ; turn++) {
      listedMs = undefined;
      try {
        await this.#runSession(servers[turn % servers.length] ?? '', datacenter, output, signal);
      } catch (error) {
        signal.throwIfAborted();
        publication.degraded(datacenter, toConsulError(error));
      }
      if (listedMs !== undefined) {
        const isSteady = clock.now() - listedMs >= steadyMs;
        if (isSteady) attempt = 0;
        shortSessions = isSteady ? 0 : shortSessions + 1;
      }
      await clock.sleep(backoffMs(attempt++, retry), signal);
    }
  }

  async #runSession(
    server: string,
    { name: datacenter, attribute, published }: Datacenter,
    output: DatacenterOutput,
    signal: AbortSignal,
  ): Promise<void> {
    const config = this.#config;
    const connections = Math.floor(config.maxConnections / this.#datacenters.length);
    const tls = await readTls(config.tls);
    const client = new ConsulClient({ ...config, server, datacenter, tls, token: config.token, connections });
    const session = new DatacenterSession({
      client,
      config,
      connections,
      clock: this.#deps.clock,
      sharing: new Sharing(),
      identify: (name) => ({ name, published: publishedName(name, attribute), datacenter: attribute }),
      previous: published.services,
      output,
      onMissedChange: (service) => {
        this.#auditDifferences.inc({ source: this.#deps.name });
        this.#deps.logger.warn({ service, datacenter }, 'the audit found a change that no watch told of');
      },
    });
    try {
      await session.run(signal);
    } finally {
      await client.close();
    }
  }

  #output(datacenter: Datacenter, publication: Publication, onListed: () => void): DatacenterOutput {
    const { clock } = this.#deps;
    const { published, attribute } = datacenter;
    const scopeOf = (name: string) => `service ${publishedName(name, attribute)}`;
    return {
      listed: (services, failed) => {
        onListed();
        const changed = published.replace(services, failed, clock.now());
        const reasons = new Map([...failed].map(([name, reason]) => [scopeOf(name), reason]));
        publication.listed(datacenter, changed, reasons);
      },
      changed: (name, service) => {
        published.set(name, service, clock.now());
        publication.changed(service);
      },
      failed: (name, reason) => publication.degraded(datacenter, reason, scopeOf(name)),
      recovered: (name) => publication.recovered(datacenter, scopeOf(name)),
    };
  }

  async #forget(publication: Publication, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const intervalMs = Math.max(100, Math.min(this.#config.forgetEmptyAfterMs, maxForgetIntervalMs));
    for (;;) {
      await clock.sleep(intervalMs, signal);
      for (const { published } of this.#datacenters) {
        for (const name of published.forget(clock.now())) publication.removed(name);
      }
    }
  }
}

/** Services of other datacenters than home carry its name: two datacenters may both have `web`. */
function publishedName(name: string, datacenter: string): string {
  return datacenter === '' ? name : `${name}@${datacenter}`;
}

/** Read for each session, so that a renewed certificate is taken at the next reconnect. */
async function readTls(tls: ConsulConfig['tls']): Promise<TlsMaterial | undefined> {
  if (tls === undefined) return undefined;
  const [ca, cert, key] = await Promise.all(
    [tls.ca, tls.cert, tls.key].map((path) => (path === undefined ? undefined : readFile(path, 'utf8'))),
  );
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
  };
}

/** One counter for all sources of the kind. */
function auditCounter(registry: Registry): Counter<string> {
  const known = registry.getSingleMetric(auditMetric);
  if (known instanceof Counter) return known;
  return new Counter({
    name: auditMetric,
    help: 'Changes that the audit found in Consul and that no watch had told of.',
    labelNames: ['source'],
    registers: [registry],
  });
}
