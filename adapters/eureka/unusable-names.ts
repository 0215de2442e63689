import { printable } from '../../core/plugin/index.js';

/** Applications of a listing whose names are no names of services, and that are left out therefore. */
export class UnusableNames {
  #count = 0;
  #first = '';

  add(name: string): void {
    if (this.#count === 0) this.#first = printable(name);
    this.#count++;
  }

  /** @returns undefined when there are none */
  describe(): string | undefined {
    if (this.#count === 0) return undefined;
    return `${this.#count} applications have names that are none of a service, and are left out; the first is "${this.#first}"`;
  }
}
