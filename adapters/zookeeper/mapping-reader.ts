import { parseMapping } from '../dubbo/mapping.js';
import type { MappingTable } from '../dubbo/mapping-table.js';
import type { NodeReader } from './node-reader.js';
import type { Places } from './places.js';
import { interfaceNameOf } from './root-state.js';

export interface MappingReaderOptions {
  readonly nodes: NodeReader;
  readonly places: Places;
  /** Outlives connections. */
  readonly table: MappingTable;
  readonly maxChildren: number;
  readonly signal: AbortSignal;
  /** Why nothing can be concluded from the mapping; undefined: no longer. */
  readonly onTrouble: (error: Error | undefined) => void;
  /** Something could not be read at first, and has to be read again: a mapping, or a root's list of them. */
  readonly onUnread: (root: number, name: string | undefined) => void;
}

/**
 * Reads Dubbo's mapping of interfaces to applications, `<root>/mapping/<interface>`, over one connection, to tell which
 * applications need not be followed. That it cannot be read takes nothing away: then all of them are followed.
 */
export class MappingReader {
  readonly #options: MappingReaderOptions;
  readonly #passedOver = new Set<string>();
  #ready: Promise<void> | undefined;
  /** Roots whose list could not be read; at first, all of them. */
  readonly #unlisted: Set<number>;
  /** Roots whose list was read over this connection. */
  readonly #met = new Set<number>();
  /** Mappings in a root's first list that were not read over this connection, but for those that need not be. */
  readonly #unread = new Set<string>();
  #hasTrouble = false;

  constructor(options: MappingReaderOptions) {
    this.#options = options;
    this.#unlisted = new Set(options.places.roots.keys());
    options.table.isListed = false;
  }

  /** Resolves when everything was read, or could not be. @throws the signal's reason */
  ready(): Promise<void> {
    this.#ready ??= this.#readAll();
    return this.#ready;
  }

  /** Whether an application that is not followed yet need not be; {@link wanted} tells when that has changed. */
  passesOver(application: string): boolean {
    if (!this.#options.table.passesOver(application)) return false;
    this.#passedOver.add(application);
    return true;
  }

  /** Applications that were passed over and are wanted by now; each is told once. */
  wanted(): string[] {
    const { table } = this.#options;
    const names = [...this.#passedOver].filter((name) => !table.passesOver(name));
    for (const name of names) this.#passedOver.delete(name);
    return names;
  }

  /** The registry has no such application. */
  forget(application: string): void {
    this.#passedOver.delete(application);
  }

  /** The list of a root's mappings has changed, or was not read yet. @returns those that are to be read @throws ZookeeperError */
  async readList(root: number): Promise<string[]> {
    const { nodes, places, table } = this.#options;
    let names: readonly string[];
    try {
      names = await this.#names(root);
    } catch (error) {
      this.#unlisted.add(root);
      table.isListed = false;
      this.#tell(error);
      throw error;
    }
    const isFirst = !this.#met.has(root);
    this.#met.add(root);
    this.#unlisted.delete(root);
    const here = new Set(names.map((name) => keyOf(root, name)));
    const known = new Set(table.keys);
    const ofRoot = keyOf(root, '');
    for (const key of known) {
      if (!key.startsWith(ofRoot) || here.has(key)) continue;
      table.delete(key);
      this.#unread.delete(key);
      nodes.forget(places.mapping(root, key.slice(ofRoot.length)));
    }
    if (isFirst) for (const key of here) this.#unread.add(key);
    this.#conclude();
    return isFirst ? [...names] : names.filter((name) => !known.has(keyOf(root, name)));
  }

  /** @throws ZookeeperError when it is there and cannot be read */
  async read(root: number, name: string): Promise<void> {
    const { nodes, places, table } = this.#options;
    const interfaceName = interfaceNameOf(name);
    const key = keyOf(root, name);
    if (interfaceName === undefined) {
      this.#hasRead(key);
      return;
    }
    const path = places.mapping(root, name);
    try {
      const found = await nodes.data(path);
      if (found === undefined) {
        nodes.forget(path);
        table.delete(key);
      } else {
        const applications = parseMapping(found.data.toString('utf8'));
        if (applications === undefined) throw new Error(`${path} is too long`);
        table.set(key, interfaceName, applications);
      }
    } catch (error) {
      if (table.unreadable(key, interfaceName)) this.#tell(error);
      else this.#hasRead(key);
      throw error;
    }
    this.#hasRead(key);
  }

  #hasRead(key: string): void {
    this.#unread.delete(key);
    this.#conclude();
  }

  /** Something can be concluded as soon as everything was read over this connection. */
  #conclude(): void {
    this.#options.table.isListed = this.#unlisted.size === 0 && this.#unread.size === 0;
    this.#tell(undefined);
  }

  async #readAll(): Promise<void> {
    const { places, table, signal, onUnread } = this.#options;
    const read = async (root: number, name: string) => {
      try {
        await this.read(root, name);
      } catch {
        // What it means is told by then. Nothing waits for the others.
        if (this.#unread.has(keyOf(root, name))) onUnread(root, name);
      }
    };
    const readRoot = async (root: number) => {
      const names = await this.readList(root).catch(() => undefined);
      if (names === undefined) onUnread(root, undefined);
      else await Promise.all(names.map((name) => read(root, name)));
    };
    await Promise.all([...places.roots.keys()].map(readRoot));
    signal.throwIfAborted();
    if (!table.isWhole && !this.#hasTrouble) this.#tell(new Error('it has too many names'));
  }

  async #names(root: number): Promise<readonly string[]> {
    const { nodes, places, maxChildren } = this.#options;
    const path = places.mappings(root);
    const { names } = await nodes.children(path);
    if (names.length > maxChildren) throw new Error(`${path} has more than ${maxChildren} children`);
    return names;
  }

  #tell(cause: unknown): void {
    const { table, onTrouble } = this.#options;
    if (cause === undefined) {
      if (!this.#hasTrouble || !table.isWhole) return;
      this.#hasTrouble = false;
      onTrouble(undefined);
    } else {
      this.#hasTrouble = true;
      onTrouble(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }
}

function keyOf(root: number, name: string): string {
  return `${root}/${name}`;
}
