import type { SampleInstance } from '../../testkit/index.js';

/** A registry in memory that can be listed, watched, cut off and broken in the middle of a listing. */
export class MemoryRegistry {
  readonly #services = new Map<string, Map<string, SampleInstance>>();
  readonly #connections = new Set<MemoryConnection>();
  #reachable = true;
  /** Reads that are still answered before the registry goes away. */
  #readsLeft = Number.POSITIVE_INFINITY;

  async put(service: string, instance: SampleInstance): Promise<void> {
    const instances = this.#services.get(service) ?? new Map<string, SampleInstance>();
    this.#services.set(service, instances.set(instance.id, instance));
    this.#tell(service);
    await turn();
  }

  async remove(service: string, instanceId: string): Promise<void> {
    if (this.#services.get(service)?.delete(instanceId)) this.#tell(service);
  }

  async stop(): Promise<void> {
    this.#reachable = false;
    for (const connection of [...this.#connections]) connection.lost();
    this.#connections.clear();
  }

  async start(): Promise<void> {
    this.#reachable = true;
    this.#readsLeft = Number.POSITIVE_INFINITY;
  }

  async stopMidListing(): Promise<void> {
    this.#reachable = true;
    this.#readsLeft = 3;
  }

  /** @throws Error when the registry is unreachable. */
  connect(connection: MemoryConnection): () => void {
    if (!this.#reachable) throw new Error('connection refused');
    this.#connections.add(connection);
    return () => this.#connections.delete(connection);
  }

  async names(): Promise<string[]> {
    await this.#answer();
    return [...this.#services.keys()];
  }

  async instances(service: string): Promise<SampleInstance[]> {
    await this.#answer();
    return [...(this.#services.get(service)?.values() ?? [])];
  }

  #tell(service: string): void {
    for (const connection of [...this.#connections]) connection.changed(service);
  }

  async #answer(): Promise<void> {
    await turn();
    if (--this.#readsLeft < 0) await this.stop();
    if (!this.#reachable) throw new Error('connection closed');
  }
}

export interface MemoryConnection {
  changed(service: string): void;
  lost(): void;
}

/** The time that a registry takes to answer. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
