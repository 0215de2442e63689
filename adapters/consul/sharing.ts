import type { Instance } from '../../core/plugin/index.js';

const maxShared = 20_000;

/**
 * One copy of what instances have in common. A hundred thousand instances say the same few things over and over:
 * ports, localities, metadata. Bounded; when full it begins anew, and only sharing is lost.
 */
export class Sharing {
  readonly #parts = new Map<string, object>();

  /** The same instance, made of shared parts. */
  share(instance: Instance): Instance {
    const { locality } = instance;
    return {
      ...instance,
      ports: this.#one('p', instance.ports),
      metadata: this.#one('m', instance.metadata),
      ...(locality === undefined ? {} : { locality: this.#one('l', locality) }),
    };
  }

  #one<T extends object>(kind: string, part: T): T {
    const key = kind + JSON.stringify(part);
    const known = this.#parts.get(key);
    if (known !== undefined) return known as T;
    if (this.#parts.size >= maxShared) this.#parts.clear();
    this.#parts.set(key, part);
    return part;
  }
}
