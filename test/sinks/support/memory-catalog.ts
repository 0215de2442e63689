import type { Catalog, CatalogService, Change, Snapshot } from '../../../core/catalog/catalog.js';

/** A catalog that holds what a test puts there, and is ready when the test says so. */
export class MemoryCatalog implements Catalog {
  readonly #services = new Map<string, CatalogService>();
  readonly #readers = new Set<{ changed: Set<string>; wake: () => void }>();
  #revision = 0;
  #ready: boolean;

  constructor(options: { ready?: boolean } = {}) {
    this.#ready = options.ready ?? true;
  }

  get isReady(): boolean {
    return this.#ready;
  }

  /** Watches that run now. */
  get readers(): number {
    return this.#readers.size;
  }

  becomeReady(): void {
    this.#ready = true;
    for (const reader of this.#readers) reader.wake();
  }

  put(...services: CatalogService[]): void {
    for (const service of services) this.#services.set(service.host, service);
    this.#note(services.map(({ host }) => host));
  }

  remove(...hosts: string[]): void {
    for (const host of hosts) this.#services.delete(host);
    this.#note(hosts);
  }

  snapshot(): Snapshot {
    return { revision: this.#revision, services: this.#ready ? this.#services : new Map() };
  }

  async ready(signal: AbortSignal): Promise<void> {
    for await (const _ of this.watch(signal)) return;
    signal.throwIfAborted();
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Change> {
    let wake = () => {};
    const reader = { changed: new Set<string>(), wake: () => wake() };
    this.#readers.add(reader);
    signal.addEventListener('abort', reader.wake);
    const woken = () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      });
    try {
      while (!this.#ready && !signal.aborted) await woken();
      if (signal.aborted) return;
      reader.changed.clear();
      yield { revision: this.#revision, reset: true, upserts: [...this.#services.values()], removes: [] };
      while (!signal.aborted) {
        if (reader.changed.size === 0) {
          await woken();
          continue;
        }
        const hosts = [...reader.changed];
        reader.changed.clear();
        const upserts = hosts.flatMap((host) => this.#services.get(host) ?? []);
        const removes = hosts.filter((host) => !this.#services.has(host));
        yield { revision: this.#revision, reset: false, upserts, removes };
      }
    } finally {
      signal.removeEventListener('abort', reader.wake);
      this.#readers.delete(reader);
    }
  }

  #note(hosts: readonly string[]): void {
    this.#revision++;
    for (const reader of this.#readers) {
      for (const host of hosts) reader.changed.add(host);
      reader.wake();
    }
  }
}
