/** Names that are kept of all mappings together. Past it nothing is concluded from them. */
const maxNames = 1_000_000;

/**
 * Which applications provide interfaces that are wanted, as the mappings of a registry say. A mapping can be missing (an
 * application whose metadata report is elsewhere, or that writes none), so who stands in none is never passed over; nor is
 * anybody as long as a mapping of a wanted interface is not known. Does no I/O.
 */
export class MappingTable {
  readonly #isWanted: (interfaceName: string) => boolean;
  /** By the key of a mapping: the interface, and where it stands. */
  readonly #mappings = new Map<string, { readonly isWanted: boolean; readonly applications: readonly string[] }>();
  /** In how many mappings an application stands. */
  readonly #wanted = new Map<string, number>();
  readonly #others = new Map<string, number>();
  readonly #unknown = new Set<string>();
  #names = 0;
  #isListed = false;

  constructor(isWanted: (interfaceName: string) => boolean) {
    this.#isWanted = isWanted;
  }

  /** Whether all mappings were read, so that something can be concluded from what they do not say. */
  get isWhole(): boolean {
    return this.#isListed && this.#unknown.size === 0;
  }

  /** Says whether every mapping there is was told of by now. */
  set isListed(isListed: boolean) {
    this.#isListed = isListed;
  }

  get keys(): Iterable<string> {
    return new Set([...this.#mappings.keys(), ...this.#unknown]);
  }

  /**
   * @param key tells the mapping from others of the same interface, as several roots may have one
   * @param applications as {@link parseMapping} gives them
   */
  set(key: string, interfaceName: string, applications: readonly string[]): void {
    this.delete(key);
    const isWanted = this.#isWanted(interfaceName);
    if (this.#names + applications.length > maxNames) {
      this.unreadable(key, interfaceName);
      return;
    }
    this.#names += applications.length;
    this.#mappings.set(key, { isWanted, applications });
    const counts = isWanted ? this.#wanted : this.#others;
    for (const name of applications) counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  /**
   * A mapping is there and cannot be read.
   * @returns whether nothing can be concluded because of it
   */
  unreadable(key: string, interfaceName: string): boolean {
    const isWanted = this.#isWanted(interfaceName);
    if (isWanted) this.#unknown.add(key);
    return isWanted;
  }

  delete(key: string): void {
    this.#unknown.delete(key);
    const mapping = this.#mappings.get(key);
    if (!mapping) return;
    this.#mappings.delete(key);
    this.#names -= mapping.applications.length;
    const counts = mapping.isWanted ? this.#wanted : this.#others;
    for (const name of mapping.applications) {
      const count = (counts.get(name) ?? 0) - 1;
      if (count > 0) counts.set(name, count);
      else counts.delete(name);
    }
  }

  /** Whether the mappings say that an application provides other interfaces than those that are wanted, and none of these. */
  passesOver(application: string): boolean {
    return this.isWhole && this.#others.has(application) && !this.#wanted.has(application);
  }
}
