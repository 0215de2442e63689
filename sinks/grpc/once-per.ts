/** What was logged once and is not logged again; forgets all when full, so that it stays small. */
export class OncePer {
  readonly #seen = new Set<string>();
  static readonly #limit = 1000;

  first(key: string): boolean {
    if (this.#seen.has(key)) return false;
    if (this.#seen.size >= OncePer.#limit) this.#seen.clear();
    this.#seen.add(key);
    return true;
  }
}
