import { createHash } from 'node:crypto';
import { encodeDeltaDiscoveryResponse, encodeDiscoveryResponse, type ResponseContent } from './xds-encoding.js';
import type { XdsResource } from './xds-resource.js';

/** The two forms of xDS. */
export type XdsForm = 'sotw' | 'delta';

/** A response that one or many streams are sent. */
export interface SharedResponse extends ResponseContent {
  /** The same buffer for all streams, as long as one of them needs it. */
  bytes(): Buffer;
}

interface Wanted {
  readonly form: XdsForm;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly XdsResource[];
  readonly removed: readonly string[];
}

/**
 * Encodes a response once for all streams that are sent the same. Which those are is seen, not worked out: the last few
 * responses of each type are kept, and one that is equal is used again.
 */
export class SharedResponses {
  readonly #recent = { sotw: new Map<string, SharedResponse[]>(), delta: new Map<string, SharedResponse[]>() };
  static readonly #kept = 4;
  static readonly #types = 64;

  get(wanted: Wanted): SharedResponse {
    const byType = this.#recent[wanted.form];
    const recent = byType.get(wanted.typeUrl) ?? [];
    const known = recent.find((candidate) => isEqual(candidate, wanted));
    if (known) return known;
    // Clients choose the types: their number must not grow without end.
    if (recent.length === 0 && byType.size >= SharedResponses.#types) byType.clear();
    const made = share(wanted);
    const kept = recent.filter(({ nonce }) => nonce === wanted.nonce).slice(-SharedResponses.#kept + 1);
    byType.set(wanted.typeUrl, [...kept, made]);
    return made;
  }
}

function share({ form, typeUrl, nonce, resources, removed }: Wanted): SharedResponse {
  const version = form === 'delta' ? nonce : versionOf(resources);
  const content: ResponseContent = { version, typeUrl, nonce, resources, removed };
  const encode = form === 'delta' ? encodeDeltaDiscoveryResponse : encodeDiscoveryResponse;
  // Not held for ever: a whole state is megabytes, and no stream may ask for it again.
  let weak: WeakRef<Buffer> | undefined;
  return {
    ...content,
    bytes: () => {
      const alive = weak?.deref();
      if (alive) return alive;
      const bytes = encode(content);
      weak = new WeakRef(bytes);
      return bytes;
    },
  };
}

function isEqual(response: SharedResponse, wanted: Wanted): boolean {
  return (
    response.nonce === wanted.nonce &&
    hasSame(response.resources, wanted.resources) &&
    hasSame(response.removed, wanted.removed)
  );
}

function hasSame<Item>(a: readonly Item[], b: readonly Item[]): boolean {
  return a === b || (a.length === b.length && a.every((item, index) => item === b[index]));
}

/** Content hash of what a response holds: equal on every replica and after every restart. */
function versionOf(resources: readonly XdsResource[]): string {
  const hash = createHash('sha256');
  for (const { name, version } of resources) hash.update(`${name}\0${version}\0`);
  return hash.digest().subarray(0, 16).toString('base64url');
}
