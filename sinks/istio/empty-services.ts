import type { CatalogService, Change } from '../../core/catalog/catalog.js';
import type { Clock } from '../../core/time/index.js';

/**
 * Keeps services that nobody serves as services without endpoints for a time: istiod then changes endpoints alone, where
 * the removal of a service makes it build everything anew, and a service that is back soon was never away.
 *
 * A service is empty when the catalog does not have it any more, or has it without a single instance; one whose
 * instances are all unhealthy is not. The times are of this process: after a restart, what the catalog has without
 * instances is kept anew, and what it does not have is not there.
 */
export class EmptyServices {
  readonly #keepMs: number;
  readonly #clock: Clock;
  readonly #isRefused: (host: string) => boolean;
  /** As the catalog had them last. */
  readonly #services = new Map<string, CatalogService>();
  /** Host → when it goes, in the order of time. */
  readonly #kept = new Map<string, number>();
  /** Hosts that the catalog has, without instances and for too long. */
  readonly #over = new Set<string>();
  #wake: (() => void) | undefined;

  /** @param isRefused whether a host is served as it was earlier, for it was refused as it is: its endpoints must not outlive it */
  constructor(keepMs: number, clock: Clock, isRefused: (host: string) => boolean) {
    this.#keepMs = keepMs;
    this.#clock = clock;
    this.#isRefused = isRefused;
  }

  /** How many are kept now. */
  get count(): number {
    return this.#kept.size;
  }

  /** What is to be published for a change of the catalog. */
  take(change: Change): Change {
    const removes: string[] = [];
    const upserts: CatalogService[] = [];
    for (const service of change.upserts) {
      this.#services.set(service.host, service);
      if (!isEmpty(service)) {
        this.#kept.delete(service.host);
        this.#over.delete(service.host);
        upserts.push(service);
      } else if (this.#keepMs === 0) {
        removes.push(service.host);
      } else if (!this.#over.has(service.host)) {
        this.#keep(service.host);
        upserts.push(service);
      }
    }
    for (const host of change.removes) {
      const known = this.#services.get(host);
      this.#services.delete(host);
      const isOver = this.#over.delete(host);
      if (known === undefined || isOver || this.#keepMs === 0 || this.#isRefused(host)) {
        this.#kept.delete(host);
        removes.push(host);
        continue;
      }
      // What was empty already goes when it would have gone.
      this.#keep(host);
      upserts.push(isEmpty(known) ? known : emptied(known));
    }
    return { ...change, upserts, removes };
  }

  /**
   * Tells which hosts have been kept for long enough, until `signal` aborts. They are to be taken away before anything
   * else is taken: `onOver` is called in the same turn.
   */
  async run(signal: AbortSignal, onOver: (removes: Change) => void): Promise<void> {
    const wake = () => this.#wake?.();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const [dueMs] = this.#kept.values();
        const waitMs = dueMs === undefined ? undefined : dueMs - this.#clock.now();
        if (waitMs === undefined) await this.#added();
        else if (waitMs > 0)
          await this.#clock.sleep(waitMs, signal).catch(() => undefined); // the loop looks at the abort
        else onOver({ revision: 0, reset: false, upserts: [], removes: this.#due() });
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #due(): readonly string[] {
    const nowMs = this.#clock.now();
    const due: string[] = [];
    for (const [host, dueMs] of this.#kept) {
      if (dueMs > nowMs) break;
      due.push(host);
      this.#kept.delete(host);
      if (this.#services.has(host)) this.#over.add(host);
    }
    return due;
  }

  #keep(host: string): void {
    if (this.#kept.has(host)) return;
    this.#kept.set(host, this.#clock.now() + this.#keepMs);
    this.#wake?.();
  }

  async #added(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}

function isEmpty({ origins }: CatalogService): boolean {
  return origins.every(({ instances }) => instances.length === 0);
}

function emptied(service: CatalogService): CatalogService {
  return { ...service, origins: service.origins.map((origin) => ({ ...origin, instances: [] })) };
}
