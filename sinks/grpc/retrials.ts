import type { XdsResource } from './xds-resource.js';

/** Responses that may be spent on finding what is wrong with one. */
const maxRetrials = 64;

/**
 * Finds out which resources of a refused response were refused. A client that cannot take one resource may refuse all
 * that came with it; so they are told again in two parts, and what is refused again in two parts of that, until each bad
 * one stands alone and the client has all others.
 */
export class Retrials {
  readonly #groups: (readonly XdsResource[])[] = [];
  #spent = 0;

  /** Whether there is something to be told again. */
  get pending(): boolean {
    return this.#groups.length > 0;
  }

  /** @param named those of the refused that the client named: they make one part. */
  add(refused: readonly XdsResource[], named: readonly XdsResource[]): void {
    if (refused.length < 2) return;
    if (this.#spent >= maxRetrials) {
      this.clear();
      return;
    }
    if (named.length > 0 && named.length < refused.length) {
      const set = new Set(named);
      this.#groups.push(
        named,
        refused.filter((resource) => !set.has(resource)),
      );
      return;
    }
    const half = refused.length >> 1;
    this.#groups.push(refused.slice(half), refused.slice(0, half));
  }

  /** @param isCurrent whether a resource is still to be told as it was. */
  next(isCurrent: (resource: XdsResource) => boolean): readonly XdsResource[] {
    for (let group = this.#groups.pop(); group; group = this.#groups.pop()) {
      const current = group.filter(isCurrent);
      if (current.length === 0) continue;
      this.#spent++;
      return current;
    }
    this.#spent = 0;
    return [];
  }

  clear(): void {
    this.#groups.length = 0;
    this.#spent = 0;
  }
}
