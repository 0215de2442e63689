import type { Service } from '../model/index.js';
import { type ChangeCause, registryCause } from './change-cause.js';
import type { LiveCatalog, SourceChange } from './live-catalog.js';

/** Services that one turn of the event loop takes in: a registry of ten thousand must not hold up the rest. */
const sliceSize = 500;

/** What one source has let through, and the names that changed since they were taken. */
export interface ServiceFeed {
  readonly services: ReadonlyMap<string, Service>;
  /** Names whose service is new, different or gone since the last call, and why. */
  takeChanged(): ReadonlyMap<string, ChangeCause>;
}

/** Gives a service its final form before it is named and merged; undefined: it is gone, or left out. */
export type Shape = (source: string, name: string, service: Service | undefined) => Service | undefined;

/**
 * Moves what sources let through into the catalog: at once when little changed, in slices between other work when much
 * did. A service that changes again while it waits is taken in once, in its newest state.
 */
export class Ingest {
  readonly #catalog: LiveCatalog;
  readonly #shape: Shape;
  readonly #feeds = new Map<string, ServiceFeed>();
  readonly #pending = new Map<string, Map<string, ChangeCause>>();
  readonly #drained = new Map<string, (() => void)[]>();
  #scheduled: NodeJS.Immediate | undefined;

  constructor(catalog: LiveCatalog, shape: Shape = (_source, _name, service) => service) {
    this.#catalog = catalog;
    this.#shape = shape;
  }

  /** `feed` belongs to `source`; {@link changed} is to be called when it has something new. */
  attach(source: string, feed: ServiceFeed): void {
    this.#feeds.set(source, feed);
  }

  /** Something in a feed changed; it is taken in on the next turn of the event loop. */
  changed(): void {
    this.#scheduled ??= setImmediate(() => this.#run());
  }

  /** Has every service taken in anew: shaping has changed. */
  reshape(cause: ChangeCause): void {
    for (const [source, feed] of this.#feeds) {
      const pending = this.#pendingOf(source, feed);
      for (const name of feed.services.keys()) if (!pending.has(name)) pending.set(name, cause);
    }
    this.changed();
  }

  /** Calls back once everything that `source` has published until now stands in the catalog. */
  whenDrained(source: string, callback: () => void): void {
    const callbacks = this.#drained.get(source) ?? [];
    callbacks.push(callback);
    this.#drained.set(source, callbacks);
    this.changed();
  }

  stop(): void {
    clearImmediate(this.#scheduled);
  }

  #run(): void {
    this.#scheduled = undefined;
    let room = sliceSize;
    let more = false;
    for (const [source, feed] of this.#feeds) {
      const pending = this.#pendingOf(source, feed);
      const slice = this.#takeSlice(source, pending, feed, room);
      room -= slice.length;
      if (slice.length > 0) this.#catalog.apply(source, slice);
      if (pending.size > 0) more = true;
      else this.#tellDrained(source);
    }
    if (more) this.#scheduled = setImmediate(() => this.#run());
  }

  #pendingOf(source: string, feed: ServiceFeed): Map<string, ChangeCause> {
    const pending = this.#pending.get(source) ?? new Map<string, ChangeCause>();
    for (const [name, cause] of feed.takeChanged()) pending.set(name, cause);
    this.#pending.set(source, pending);
    return pending;
  }

  #takeSlice(source: string, pending: Map<string, ChangeCause>, feed: ServiceFeed, room: number): SourceChange[] {
    const slice: SourceChange[] = [];
    for (const [name, cause = registryCause] of pending) {
      if (slice.length >= room) break;
      slice.push([name, this.#shape(source, name, feed.services.get(name)), cause]);
      pending.delete(name);
    }
    return slice;
  }

  #tellDrained(source: string): void {
    const callbacks = this.#drained.get(source);
    if (!callbacks) return;
    this.#drained.delete(source);
    for (const callback of callbacks) callback();
  }
}
