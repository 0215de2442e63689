import { inspect } from 'node:util';
import { z } from 'zod';
import { secretMark } from '../model/credentials.js';

/** A value that must not be printed: `String`, `JSON.stringify` and `util.inspect` show `[secret]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself; call it where it goes onto the wire, and nowhere else. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return secretMark;
  }

  toJSON(): string {
    return secretMark;
  }

  [inspect.custom](): string {
    return secretMark;
  }
}

/** Schema of a secret: text in the file (normally `${env:NAME}` or `${file:PATH}`), a {@link Secret} in the code. */
export function secret() {
  return z
    .string()
    .min(1)
    .transform((value) => new Secret(value));
}
