import type { Consumer } from '../model/index.js';

/** Services and consumers remembered at most: a registry that is flooded with them takes no more memory than that. */
const maxConsumers = 200_000;

/** Who declares to consume what in one registry, by the service's name. */
export class ConsumerTable {
  readonly #byService = new Map<string, readonly Consumer[]>();
  readonly #listeners = new Set<(service: string) => void>();
  #count = 0;

  get services(): ReadonlyMap<string, readonly Consumer[]> {
    return this.#byService;
  }

  get count(): number {
    return this.#count;
  }

  /** Tells of each service whose consumers are set. @returns how to end it */
  subscribe(onSet: (service: string) => void): () => void {
    this.#listeners.add(onSet);
    return () => this.#listeners.delete(onSet);
  }

  set(service: string, consumers: readonly Consumer[]): void {
    const before = this.#byService.get(service)?.length ?? 0;
    const kept = consumers.slice(0, maxConsumers - this.#count + before);
    this.#count += kept.length - before;
    if (kept.length === 0) this.#byService.delete(service);
    else this.#byService.set(service, kept);
    for (const onSet of this.#listeners) onSet(service);
  }
}
