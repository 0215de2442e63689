/** Keys that are due after the same time each, in the order in which they came. */
export class DueQueue {
  readonly #since = new Map<string, number>();
  readonly #afterMs: number;

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  get size(): number {
    return this.#since.size;
  }

  /** When the next is due; undefined: there is none. */
  get nextMs(): number | undefined {
    const [first] = this.#since.values();
    return first === undefined ? undefined : first + this.#afterMs;
  }

  /** Since when a key waits. */
  since(key: string): number | undefined {
    return this.#since.get(key);
  }

  /** One that waits already goes on waiting from when it came. */
  add(key: string, nowMs: number): void {
    if (!this.#since.has(key)) this.#since.set(key, nowMs);
  }

  /** @returns whether it waited */
  delete(key: string): boolean {
    return this.#since.delete(key);
  }

  /** Takes what is due. */
  take(nowMs: number): string[] {
    const due: string[] = [];
    for (const [key, sinceMs] of this.#since) {
      if (sinceMs + this.#afterMs > nowMs) break;
      this.#since.delete(key);
      due.push(key);
    }
    return due;
  }

  /** Takes the oldest that are over so many, due or not. */
  takeOver(size: number): string[] {
    const over: string[] = [];
    for (const key of this.#since.keys()) {
      if (this.#since.size <= size) break;
      this.#since.delete(key);
      over.push(key);
    }
    return over;
  }
}
