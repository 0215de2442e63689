import type { Service } from '../model/index.js';
import type { SourceTable } from '../source/source-table.js';
import type { LiveCatalog } from './live-catalog.js';

/** Services that one turn of the event loop takes in: a registry of ten thousand must not hold up the rest. */
const sliceSize = 500;

/**
 * Moves what sources publish into the catalog: at once when little changed, in slices between other work when much did.
 * A service that changes again while it waits is taken in once, in its newest state.
 */
export class Ingest {
  readonly #catalog: LiveCatalog;
  readonly #tables = new Map<string, SourceTable>();
  readonly #pending = new Map<string, Set<string>>();
  readonly #drained = new Map<string, (() => void)[]>();
  #scheduled: NodeJS.Immediate | undefined;

  constructor(catalog: LiveCatalog) {
    this.#catalog = catalog;
  }

  /** `table` belongs to `source`; its `onChange` is to call {@link changed}. */
  attach(source: string, table: SourceTable): void {
    this.#tables.set(source, table);
  }

  /** Something in a table changed; it is taken in on the next turn of the event loop. */
  changed(): void {
    this.#scheduled ??= setImmediate(() => this.#run());
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
    for (const [source, table] of this.#tables) {
      const pending = this.#pendingOf(source, table);
      const slice = takeSlice(pending, table, room);
      room -= slice.length;
      if (slice.length > 0) this.#catalog.apply(source, slice);
      if (pending.size > 0) more = true;
      else this.#tellDrained(source);
    }
    if (more) this.#scheduled = setImmediate(() => this.#run());
  }

  #pendingOf(source: string, table: SourceTable): Set<string> {
    const pending = this.#pending.get(source) ?? new Set<string>();
    for (const name of table.takeChanged()) pending.add(name);
    this.#pending.set(source, pending);
    return pending;
  }

  #tellDrained(source: string): void {
    const callbacks = this.#drained.get(source);
    if (!callbacks) return;
    this.#drained.delete(source);
    for (const callback of callbacks) callback();
  }
}

function takeSlice(pending: Set<string>, table: SourceTable, room: number): [string, Service | undefined][] {
  const slice: [string, Service | undefined][] = [];
  for (const name of pending) {
    if (slice.length >= room) break;
    slice.push([name, table.services.get(name)]);
    pending.delete(name);
  }
  return slice;
}
