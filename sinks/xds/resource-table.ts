import type { XdsChange, XdsResource } from '../grpc/xds-resource.js';

/** What a resource is made of: one service, or all the services of a listener. */
export type OwnerKind = 'service' | 'listener';

const none: readonly XdsResource[] = [];

/** The resources that are served, by what they are made of. */
export class ResourceTable {
  readonly #owned = {
    service: new Map<string, readonly XdsResource[]>(),
    listener: new Map<string, readonly XdsResource[]>(),
  };
  readonly #counts = new Map<string, number>();
  #byteLength = 0;

  /** By type URL. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Sum of all, as responses carry them. */
  get byteLength(): number {
    return this.#byteLength;
  }

  has(kind: OwnerKind, owner: string): boolean {
    return this.#owned[kind].has(owner);
  }

  of(kind: OwnerKind, owner: string): readonly XdsResource[] {
    return this.#owned[kind].get(owner) ?? none;
  }

  owners(kind: OwnerKind): Iterable<string> {
    return this.#owned[kind].keys();
  }

  /**
   * Puts what is made of `owner` now in the place of what was, and says what differs.
   */
  replace(kind: OwnerKind, owner: string, resources: readonly XdsResource[], changes: XdsChange[]): void {
    const before = new Map(this.of(kind, owner).map((resource) => [keyOf(resource), resource]));
    const now = new Map(resources.map((resource) => [keyOf(resource), resource]));
    for (const [key, resource] of now) {
      const known = before.get(key);
      before.delete(key);
      if (known?.version === resource.version) {
        // The very object of before: who holds it need not compare.
        now.set(key, known);
        continue;
      }
      if (known) this.#count(known, -1);
      this.#count(resource, 1);
      changes.push({ kind: 'set', resource });
    }
    for (const gone of before.values()) {
      this.#count(gone, -1);
      changes.push({ kind: 'delete', typeUrl: gone.typeUrl, name: gone.name });
    }
    if (now.size === 0) this.#owned[kind].delete(owner);
    else this.#owned[kind].set(owner, [...now.values()]);
  }

  #count({ typeUrl, any }: XdsResource, sign: 1 | -1): void {
    this.#counts.set(typeUrl, (this.#counts.get(typeUrl) ?? 0) + sign);
    this.#byteLength += sign * any.length;
  }
}

function keyOf({ typeUrl, name }: XdsResource): string {
  return `${typeUrl} ${name}`;
}
