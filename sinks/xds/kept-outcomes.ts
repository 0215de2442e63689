import type { CatalogService } from '../../core/catalog/catalog.js';
import type { Instance } from '../../core/plugin/index.js';
import type { EndpointOutcome } from './endpoint.js';

/** Of one source's service. */
interface Kept {
  readonly instances: readonly Instance[];
  readonly outcomes: readonly EndpointOutcome[];
}

const none: Kept = { instances: [], outcomes: [] };

/**
 * What the instances of a service were encoded to, taken again for those that the catalog still has as the same objects: one
 * that changes among ten thousand costs one encoding and a walk along two lists.
 */
export class KeptOutcomes {
  #kept = new Map<string, Kept>();
  /** How many endpoints have a key. */
  readonly #keys = new Map<string, number>();
  #endpoints = 0;

  /** Whether two endpoints have one key. */
  get hasTwins(): boolean {
    return this.#endpoints !== this.#keys.size;
  }

  /** @returns the outcomes of the instances of each active source, in the catalog's order */
  update(
    { origins }: CatalogService,
    encode: (instance: Instance) => EndpointOutcome,
  ): readonly (readonly EndpointOutcome[])[] {
    const before = this.#kept;
    this.#kept = new Map();
    for (const { source, service, active, instances } of origins) {
      if (!active) continue;
      const key = `${source}\n${service}`;
      this.#kept.set(key, this.#follow(before.get(key) ?? none, instances, encode));
      before.delete(key);
    }
    for (const { outcomes } of before.values()) for (const outcome of outcomes) this.#count(outcome, -1);
    return [...this.#kept.values()].map(({ outcomes }) => outcomes);
  }

  #follow(before: Kept, instances: readonly Instance[], encode: (instance: Instance) => EndpointOutcome): Kept {
    if (before.instances === instances) return before;
    const outcomes: EndpointOutcome[] = [];
    let at = 0;
    const drop = () => this.#count(before.outcomes[at++], -1);
    for (const instance of instances) {
      // Both lists are by id: what has a lower one is gone.
      for (let old = before.instances[at]; old && old !== instance && old.id <= instance.id; ) {
        drop();
        old = before.instances[at];
      }
      const known = before.instances[at] === instance ? before.outcomes[at++] : undefined;
      const outcome = known ?? encode(instance);
      if (known === undefined) this.#count(outcome, 1);
      outcomes.push(outcome);
    }
    while (at < before.outcomes.length) drop();
    return { instances, outcomes };
  }

  #count(outcome: EndpointOutcome | undefined, sign: 1 | -1): void {
    if (outcome?.kind !== 'endpoint') return;
    const { key } = outcome.endpoint;
    const count = (this.#keys.get(key) ?? 0) + sign;
    if (count === 0) this.#keys.delete(key);
    else this.#keys.set(key, count);
    this.#endpoints += sign;
  }
}
