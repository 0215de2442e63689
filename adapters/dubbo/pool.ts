/**
 * One object for values that repeat: a registry repeats the same few addresses, ports and parameters a hundred thousand
 * times. Bounded: a full pool is emptied, which costs sharing and nothing else.
 */
export class Pool<Value> {
  readonly #values = new Map<string, Value>();
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(key: string, make: (key: string) => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    if (this.#values.size >= this.#maxEntries) this.#values.clear();
    const kept = detached(key);
    const value = make(kept);
    this.#values.set(kept, value);
    return value;
  }
}

/** A copy that does not keep alive the longer string which `text` was cut from. */
export function detached(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
