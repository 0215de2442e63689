import type { Consumer } from '../../core/plugin/index.js';
import { parseServiceKey } from './service-key.js';

type Origin = 'registered' | 'subscribed';
type Known = Readonly<Partial<Record<Origin, readonly Consumer[]>>>;

const noConsumers: readonly Consumer[] = [];

/** Who consumes a service, by both ways in which Nacos knows: who registered as its consumer, and who subscribed to it. */
export class ConsumerBook {
  readonly #tell: (service: string, consumers: readonly Consumer[]) => void;
  readonly #services = new Map<string, Known>();

  /** @param tell all consumers of a service that has others than before */
  constructor(tell: (service: string, consumers: readonly Consumer[]) => void) {
    this.#tell = tell;
  }

  /** @param service its `Service.name` */
  set(service: string, origin: Origin, consumers: readonly Consumer[]): void {
    const before = this.#services.get(service) ?? {};
    if (sameConsumers(before[origin] ?? noConsumers, consumers)) return;
    const after = { ...before, [origin]: consumers };
    const { registered = noConsumers, subscribed = noConsumers } = after;
    if (registered.length + subscribed.length === 0) this.#services.delete(service);
    else this.#services.set(service, after);
    // A consumer of Dubbo does both; what it registers says more.
    const addresses = new Set(registered.map(({ address }) => address));
    this.#tell(service, [...registered, ...subscribed.filter(({ address }) => !addresses.has(address))]);
  }

  /** The namespace is not read any more: nobody consumes its services. */
  forget(namespace: string): void {
    for (const service of this.#services.keys()) {
      if (parseServiceKey(service)?.namespace !== namespace) continue;
      this.#services.delete(service);
      this.#tell(service, noConsumers);
    }
  }
}

function sameConsumers(a: readonly Consumer[], b: readonly Consumer[]): boolean {
  return a.length === b.length && JSON.stringify(a) === JSON.stringify(b);
}
