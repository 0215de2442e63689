type Collection = 'services' | 'slices';

/** What a view was told of since this was made: what somebody has read beside it since may be older. */
export class Touched {
  readonly #keys = { services: new Set<string>(), slices: new Set<string>() };
  readonly #listed = new Set<Collection>();

  add(collection: Collection, key: string): void {
    if (!this.#listed.has(collection)) this.#keys[collection].add(key);
  }

  /** The collection was listed anew: every key was told of, those too that are gone. */
  addAll(collection: Collection): void {
    this.#listed.add(collection);
    this.#keys[collection].clear();
  }

  has(collection: Collection, key: string): boolean {
    return this.#listed.has(collection) || this.#keys[collection].has(key);
  }
}
