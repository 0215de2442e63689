/** Longer texts are seldom alike. */
const maxLength = 64;

/**
 * Makes equal texts the same object, so that what a hundred thousand instances repeat (zones, versions, owners) is held
 * in memory once. Bounded: past the bound it hands back what it is given.
 */
export class Interner {
  readonly #texts = new Map<string, string>();
  readonly #maxTexts: number;

  constructor(maxTexts = 50_000) {
    this.#maxTexts = maxTexts;
  }

  of(text: string): string {
    if (text.length > maxLength) return text;
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size < this.#maxTexts) this.#texts.set(text, text);
    return text;
  }
}
