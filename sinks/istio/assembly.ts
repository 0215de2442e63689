import { createHash } from 'node:crypto';
import type { EncodedResource } from './resource.js';

/** Bytes of a resource's version: 22 characters of base64url. */
const versionLength = 22;

/** The last concatenation: where its chunks begin, and which of them have been replaced since. */
interface Previous {
  readonly bytes: Buffer;
  /** Offset of each chunk in `bytes`; one more for the end of the last. */
  readonly offsets: Uint32Array;
  readonly replaced: Set<number>;
}

/** Names in order and what belongs to their places; made anew when a name comes or goes. */
interface Layout {
  readonly names: readonly string[];
  readonly places: ReadonlyMap<string, number>;
  /** All versions, one after the other. */
  readonly versions: Buffer;
  previous: Previous | undefined;
}

/**
 * Encoded resources by name, as one run of bytes in the order of names. When a few chunks have changed, the run is made
 * of long pieces of the one before: ten thousand small copies cost several times as much as a few large ones.
 */
export class Assembly {
  readonly #resources = new Map<string, EncodedResource>();
  #layout: Layout | undefined;
  #byteLength = 0;

  get size(): number {
    return this.#resources.size;
  }

  /** Sum of all chunks. */
  get byteLength(): number {
    return this.#byteLength;
  }

  get(name: string): EncodedResource | undefined {
    return this.#resources.get(name);
  }

  entries(): Iterable<[string, EncodedResource]> {
    return this.#resources;
  }

  keys(): Iterable<string> {
    return this.#resources.keys();
  }

  set(name: string, resource: EncodedResource): void {
    this.#byteLength += resource.chunk.length - (this.#resources.get(name)?.chunk.length ?? 0);
    this.#resources.set(name, resource);
    const place = this.#layout?.places.get(name);
    if (this.#layout === undefined || place === undefined) {
      this.#layout = undefined;
    } else {
      this.#layout.versions.write(resource.version, place * versionLength, versionLength, 'latin1');
      this.#layout.previous?.replaced.add(place);
    }
  }

  /** @returns whether it was there */
  delete(name: string): boolean {
    const known = this.#resources.get(name);
    if (!known) return false;
    this.#resources.delete(name);
    this.#byteLength -= known.chunk.length;
    this.#layout = undefined;
    return true;
  }

  /** Content hash over all resources: 22 characters of base64url. */
  version(): string {
    return createHash('sha256').update(this.#arranged().versions).digest().subarray(0, 16).toString('base64url');
  }

  /**
   * All chunks, by name, between `head` and `tail`.
   * @param bytes the buffer to fill, as long as all that; its content must stay until the call after this one is over
   */
  concat(
    head: Buffer,
    tail: Buffer,
    bytes: Buffer = Buffer.allocUnsafeSlow(head.length + this.#byteLength + tail.length),
  ): Buffer {
    const layout = this.#arranged();
    const offsets = new Uint32Array(layout.names.length + 1);
    bytes.set(head, 0);
    this.#fill(layout, bytes, offsets, head.length);
    bytes.set(tail, head.length + this.#byteLength);
    layout.previous = { bytes, offsets, replaced: new Set() };
    return bytes;
  }

  /** Chunks that are as they were are copied in runs from the concatenation before. */
  #fill({ names, previous }: Layout, bytes: Buffer, offsets: Uint32Array, start: number): void {
    let offset = start;
    let place = 0;
    const replaced = previous ? [...previous.replaced].sort((a, b) => a - b) : names.map((_, index) => index);
    const keepUntil = (end: number) => {
      if (!previous || place >= end) return;
      const from = previous.offsets[place] ?? 0;
      const to = previous.offsets[end] ?? 0;
      bytes.set(previous.bytes.subarray(from, to), offset);
      const shift = offset - from;
      for (; place < end; place++) offsets[place] = (previous.offsets[place] ?? 0) + shift;
      offset += to - from;
    };
    for (const next of replaced) {
      keepUntil(next);
      const chunk = this.#resources.get(names[next] ?? '')?.chunk;
      if (!chunk) continue;
      bytes.set(chunk, offset);
      offsets[next] = offset;
      offset += chunk.length;
      place = next + 1;
    }
    keepUntil(names.length);
    offsets[names.length] = offset;
  }

  #arranged(): Layout {
    if (this.#layout) return this.#layout;
    const names = [...this.#resources.keys()].sort();
    const versions = Buffer.alloc(names.length * versionLength);
    const places = new Map<string, number>();
    for (const [place, name] of names.entries()) {
      places.set(name, place);
      versions.write(this.#resources.get(name)?.version ?? '', place * versionLength, versionLength, 'latin1');
    }
    this.#layout = { names, places, versions, previous: undefined };
    return this.#layout;
  }
}
