import type { Deps, SourceOutput } from '../../core/plugin/index.js';
import type { EurekaConfig } from './config.js';
import { type DashboardState, readDashboard } from './dashboard.js';
import type { LeaseCensus } from './lease-census.js';
import type { EurekaServer } from './server.js';

const noticeKey = 'self-preservation';

/**
 * Tells operators when the server that is read lets no lease run out, so that what has died may be listed still. By its
 * web page where it has one, else by leases in its listings that should have run out long ago.
 */
export class SelfPreservation {
  readonly #config: EurekaConfig;
  readonly #deps: Deps;
  readonly #out: SourceOutput;
  #nextLookMs = 0;
  #looking: Promise<void> | undefined;
  /** Whether the page of the server that is read was understood the last time. */
  #hasPage = false;
  #server: EurekaServer | undefined;

  constructor(config: EurekaConfig, deps: Deps, out: SourceOutput) {
    this.#config = config;
    this.#deps = deps;
    this.#out = out;
  }

  /**
   * Call after each reading that succeeded; holds nobody up.
   * @param census of the reading; empty when it was no whole listing
   */
  look(server: EurekaServer, census: LeaseCensus, signal: AbortSignal): void {
    if (server !== this.#server) {
      this.#server = server;
      this.#hasPage = false;
      this.#nextLookMs = 0;
      this.#out.notice(noticeKey, undefined);
    }
    const isDue = this.#config.dashboardIntervalMs > 0 && this.#deps.clock.now() >= this.#nextLookMs;
    if (isDue && !this.#looking) {
      this.#nextLookMs = this.#deps.clock.now() + this.#config.dashboardIntervalMs * (0.9 + Math.random() * 0.2);
      this.#looking = this.#readPage(server, census, signal).finally(() => {
        this.#looking = undefined;
      });
    } else if (!this.#looking && !this.#hasPage) this.#judgeLeases(server, census);
  }

  /** Resolves once nothing is under way. */
  async settled(): Promise<void> {
    await this.#looking;
  }

  async #readPage(server: EurekaServer, census: LeaseCensus, signal: AbortSignal): Promise<void> {
    let state: DashboardState | undefined;
    try {
      state = readDashboard(await server.dashboard(this.#config.dashboardPath, signal));
    } catch (error) {
      if (signal.aborted) return;
      this.#deps.logger.debug(
        { server: server.url, err: error },
        'the page that tells of self-preservation was not read',
      );
    }
    if (server !== this.#server) return;
    this.#hasPage = state !== undefined;
    if (state) this.#out.notice(noticeKey, textOf(server, state));
    else this.#judgeLeases(server, census);
  }

  #judgeLeases(server: EurekaServer, census: LeaseCensus): void {
    // Leases of remote regions are renewed over there, and listed as they were when they were fetched.
    if (census.count === 0 || this.#config.regions.length > 0) return;
    const found = census.overdue();
    this.#out.notice(
      noticeKey,
      found &&
        `${server.url} lists ${found.overdue} of ${found.leases} instances whose leases have run out: it may be in self-preservation, and instances that have died may be listed still`,
    );
  }
}

function textOf(server: EurekaServer, { expiresLeases, renewals, threshold }: DashboardState): string | undefined {
  if (expiresLeases) return undefined;
  const numbers = threshold === '' ? '' : ` (${renewals} renewals in the last minute, at least ${threshold} expected)`;
  return `${server.url} is in self-preservation and lets no lease run out${numbers}: instances that have died may be listed still`;
}
