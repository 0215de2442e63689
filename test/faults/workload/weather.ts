/** What a fault is on: a kind of registry, or the daemon itself. */
export type FaultTarget = string;

/** Which parts of the bed are under a fault or not yet over one. */
export class Weather {
  readonly #faulty = new Map<FaultTarget, number>();

  begin(target: FaultTarget): void {
    this.#faulty.set(target, (this.#faulty.get(target) ?? 0) + 1);
  }

  /** The fault is healed and what it did is over. */
  end(target: FaultTarget): void {
    const count = (this.#faulty.get(target) ?? 0) - 1;
    if (count > 0) this.#faulty.set(target, count);
    else this.#faulty.delete(target);
  }

  /** Whether nothing is between a registry and what we publish. */
  isHealthy(registry: FaultTarget): boolean {
    return !this.#faulty.has(registry) && !this.#faulty.has('isthmus');
  }

  /** Whether another registry is under a fault. */
  isBesideFault(registry: FaultTarget): boolean {
    return [...this.#faulty.keys()].some((target) => target !== registry && target !== 'isthmus');
  }
}
