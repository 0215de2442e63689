import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Catalog, CatalogService, Change } from '../../../core/catalog/catalog.js';
import { ChangeFeed } from '../../../core/catalog/change-feed.js';
import type { SourceStatus } from '../../../core/source/status.js';
import { type ApiServer, type ApiServerOptions, createApiServer } from '../../../sinks/api/index.js';
import { anInstance } from '../../support/model.js';

/** A catalog that a test sets by hand; watching it is as with the real one. */
export class HandCatalog implements Catalog {
  isReady = true;
  revision = 0;
  readonly #services = new Map<string, CatalogService>();
  readonly feeds = new Set<ChangeFeed>();

  set(...services: CatalogService[]): void {
    this.revision++;
    for (const service of services) this.#services.set(service.host, service);
    for (const feed of this.feeds) feed.add(services.map(({ host }) => host));
  }

  delete(host: string): void {
    this.revision++;
    this.#services.delete(host);
    for (const feed of this.feeds) feed.add([host]);
  }

  snapshot() {
    return { revision: this.revision, services: this.isReady ? this.#services : new Map<string, CatalogService>() };
  }

  async ready(): Promise<void> {
    // The tests that watch set `isReady` before.
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Change> {
    const feed = new ChangeFeed();
    this.feeds.add(feed);
    try {
      yield { revision: this.revision, reset: true, upserts: [...this.#services.values()], removes: [] };
      for await (const hosts of feed.batches(signal)) {
        const all = [...hosts];
        yield {
          revision: this.revision,
          reset: false,
          upserts: all.flatMap((host) => this.#services.get(host) ?? []),
          removes: all.filter((host) => !this.#services.has(host)),
        };
      }
    } finally {
      this.feeds.delete(feed);
    }
  }
}

/** A service with one instance from each source. */
export function aCatalogService(host: string, sources: readonly string[] = ['nacos-hz']): CatalogService {
  return {
    host,
    ports: [{ name: 'http', number: 80, protocol: 'http' }],
    metadata: { team: 'a' },
    version: `v-${host}`,
    origins: sources.map((source, index) => ({
      source,
      service: `${host}@${source}`,
      active: index === 0,
      instances: [anInstance(`${source}-1`, { address: `10.0.0.${index + 1}` })],
    })),
  };
}

export function aSource(name: string, overrides: Partial<SourceStatus> = {}): SourceStatus {
  return {
    name,
    kind: 'nacos',
    required: true,
    synced: true,
    status: { state: 'fresh', sinceMs: 1_700_000_000_000 },
    services: 1,
    instances: 2,
    rejected: 0,
    rejections: [],
    failures: 0,
    notices: [],
    ...overrides,
  };
}

export interface TestApi {
  readonly api: ApiServer;
  readonly catalog: HandCatalog;
  readonly url: string;
  readonly port: number;
  readonly logged: string[];
  readonly metrics: Registry;
}

/** Starts a server on a port of the system's choice; `before` may add routes. */
export async function startApi(
  options: Partial<ApiServerOptions> = {},
  before: (api: ApiServer) => void = () => undefined,
): Promise<TestApi> {
  const catalog = new HandCatalog();
  const logged: string[] = [];
  const metrics = new Registry();
  const api = createApiServer({
    listen: { host: '127.0.0.1', port: 0 },
    catalog,
    sources: () => [aSource('nacos-hz')],
    sinks: () => [{ name: 'mcp', kind: 'mcp', ready: true, listening: '127.0.0.1:15010' }],
    problems: () => [],
    missing: () => [],
    metrics,
    logger: pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    ...options,
  });
  before(api);
  const { address } = await api.start();
  const port = Number(address.split(':').at(-1));
  return { api, catalog, url: `http://127.0.0.1:${port}`, port, logged, metrics };
}
