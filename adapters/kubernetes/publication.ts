import type { SourceOutput } from '../../core/plugin/index.js';
import type { Realm, RealmObserver } from './realm.js';

/**
 * One run's output, for all namespaces together. Once each was listed or has failed, those that were listed are published,
 * with no claim that they are all there is; once each was listed, everything is, at once, and each change since.
 */
export class Publication {
  readonly #out: SourceOutput;
  readonly #realms: readonly Realm[];
  readonly #untried: Set<Realm>;
  readonly #unlisted: Set<Realm>;
  readonly #degraded = new Map<Realm, Error>();

  constructor(out: SourceOutput, realms: readonly Realm[]) {
    this.#out = out;
    this.#realms = realms;
    this.#untried = new Set(realms);
    this.#unlisted = new Set(realms);
  }

  /** For the views of a realm. */
  observerOf(realm: Realm): RealmObserver {
    return {
      listed: () => this.#listed(realm),
      changed: (service) => {
        if (this.#isPublished(realm)) this.#out.upsert(service);
      },
      removed: (name) => {
        if (this.#isPublished(realm)) this.#out.remove(name);
      },
    };
  }

  degraded(realm: Realm, reason: Error): void {
    this.#degraded.set(realm, reason);
    this.#out.degraded(reason, realm.scope);
    this.#tried(realm);
  }

  #isPublished(realm: Realm): boolean {
    return this.#untried.size === 0 && !this.#unlisted.has(realm);
  }

  #listed(realm: Realm): void {
    this.#unlisted.delete(realm);
    const wasTrying = this.#untried.size > 0;
    if (this.#degraded.delete(realm)) this.#out.recovered(realm.scope);
    if (this.#unlisted.size === 0) {
      this.#untried.clear();
      this.#publishAll();
      return;
    }
    this.#tried(realm);
    if (!wasTrying) this.#upsertAll(realm);
  }

  #tried(realm: Realm): void {
    if (!this.#untried.delete(realm) || this.#untried.size > 0) return;
    for (const each of this.#realms) if (!this.#unlisted.has(each)) this.#upsertAll(each);
  }

  #upsertAll(realm: Realm): void {
    for (const service of realm.published.values()) this.#out.upsert(service);
  }

  #publishAll(): void {
    this.#out.replaceAll(this.#realms.flatMap(({ published }) => [...published.values()]));
    // It ended every degradation: what still holds is said again.
    for (const [realm, reason] of this.#degraded) this.#out.degraded(reason, realm.scope);
  }
}
