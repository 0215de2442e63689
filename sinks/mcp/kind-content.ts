import type { AdsState } from '../grpc/ads-content.js';
import { BufferPool, type PooledBuffer } from '../grpc/buffer-pool.js';
import { responseFrame } from '../grpc/discovery-response.js';
import { Assembly } from '../istio/assembly.js';
import type { EncodedResource } from '../istio/resource.js';

/** Type URLs of one kind that are kept encoded: istiod asks by one; whoever asks by many makes them anew each time. */
const maxStates = 4;

/** Changes whose times are kept, for the lag of clients. */
const maxChanges = 256;

interface Encoded {
  readonly state: AdsState;
  buffer: PooledBuffer | undefined;
}

/** The resources of one kind in one shard, as responses that all its streams share. */
export class KindContent {
  readonly #resources = new Assembly();
  /** As they are now, by type URL; made when first asked for. */
  readonly #newest = new Map<string, Encoded>();
  readonly #pool = new BufferPool();
  /** Buffers of states that are over; the next is made of the last of them. */
  #stale: PooledBuffer[] = [];
  #revision: number;
  /** The last changes, with their times; the oldest first. */
  readonly #changes: { readonly revision: number; readonly atMs: number }[];

  /** @param revision of the resources, of which those of this shard are a part; @param nowMs since when they are so */
  constructor(revision: number, nowMs: number) {
    this.#revision = revision;
    this.#changes = [{ revision, atMs: nowMs }];
  }

  get size(): number {
    return this.#resources.size;
  }

  get byteLength(): number {
    return this.#resources.byteLength;
  }

  /** The revision of all resources with which these changed last. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * How long there is something newer than revision `acked`: 0 when there is not; undefined: than nothing. Of what lies
   * far back it is the least that it may be.
   */
  lagMs(acked: number | undefined, nowMs: number): number {
    const next = this.#changes.find(({ revision }) => acked === undefined || revision > acked);
    return next === undefined ? 0 : Math.max(0, nowMs - next.atMs);
  }

  /** Content hash, equal on every replica. */
  version(): string {
    return this.#resources.version();
  }

  /** The resources by name, in no particular order. */
  resources(): Iterable<[string, EncodedResource]> {
    return this.#resources.entries();
  }

  set(name: string, resource: EncodedResource | undefined): void {
    if (resource) this.#resources.set(name, resource);
    else this.#resources.delete(name);
  }

  /** To be called after `set`, with the revision that it was of. */
  changed(revision: number, nowMs: number): void {
    this.#revision = revision;
    this.#changes.push({ revision, atMs: nowMs });
    if (this.#changes.length > maxChanges) this.#changes.shift();
    for (const typeUrl of [...this.#newest.keys()]) this.#forget(typeUrl);
  }

  /** The resources of this moment: `lease()` is called, if at all, before the next change is taken. */
  state(typeUrl: string): AdsState {
    const known = this.#newest.get(typeUrl);
    if (known) return known.state;
    const [oldest] = this.#newest.keys();
    if (this.#newest.size >= maxStates && oldest !== undefined) this.#forget(oldest);
    const version = this.version();
    const nonce = `${typeUrl}@${this.#revision}`;
    const encoded: Encoded = {
      buffer: undefined,
      state: {
        version,
        nonce,
        lease: () => {
          encoded.buffer ??= this.#encode({ version, typeUrl, nonce });
          return encoded.buffer.lease();
        },
      },
    };
    this.#newest.set(typeUrl, encoded);
    return encoded.state;
  }

  #forget(typeUrl: string): void {
    const buffer = this.#newest.get(typeUrl)?.buffer;
    // Not given back yet: the next response is made of long pieces of it.
    if (buffer) this.#stale.push(buffer);
    this.#newest.delete(typeUrl);
  }

  #encode(fields: { version: string; typeUrl: string; nonce: string }): PooledBuffer {
    const { head, tail } = responseFrame(fields);
    const buffer = this.#pool.take(head.length + this.#resources.byteLength + tail.length);
    this.#resources.concat(head, tail, buffer.bytes);
    for (const stale of this.#stale.splice(0)) stale.retire();
    return buffer;
  }
}

/** The revision that a state of a {@link KindContent} was of, from its nonce. */
export function revisionOf(nonce: string): number {
  return Number(nonce.slice(nonce.lastIndexOf('@') + 1));
}
