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
}

/**
 * Reads Dubbo's mapping of interfaces to applications, `<root>/mapping/<interface>`, over one connection, to tell which
 * applications need not be followed. That it cannot be read takes nothing away: then all of them are followed.
 */
export class MappingReader {
  readonly #options: MappingReaderOptions;
  readonly #passedOver = new Set<string>();
  #ready: Promise<void> | undefined;
  /** Whether everything was read once over this connection. */
  #wasRead = false;
  #hasTrouble = false;

  constructor(options: MappingReaderOptions) {
    this.#options = options;
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

  /** The list of a root's mappings has changed. @returns those that are to be read @throws ZookeeperError */
  async readList(root: number): Promise<string[]> {
    const { nodes, places, table } = this.#options;
    let names: readonly string[];
    try {
      names = await this.#names(root);
    } catch (error) {
      table.isListed = false;
      this.#tell(error);
      throw error;
    }
    table.isListed = this.#wasRead;
    const here = new Set(names.map((name) => keyOf(root, name)));
    const known = new Set(table.keys);
    const ofRoot = keyOf(root, '');
    for (const key of known) {
      if (!key.startsWith(ofRoot) || here.has(key)) continue;
      table.delete(key);
      nodes.forget(places.mapping(root, key.slice(ofRoot.length)));
    }
    this.#tell(undefined);
    return names.filter((name) => !known.has(keyOf(root, name)));
  }

  /** @throws ZookeeperError when it is there and cannot be read */
  async read(root: number, name: string): Promise<void> {
    const { nodes, places, table } = this.#options;
    const interfaceName = interfaceNameOf(name);
    if (interfaceName === undefined) return;
    const path = places.mapping(root, name);
    try {
      const found = await nodes.data(path);
      if (found === undefined) {
        nodes.forget(path);
        table.delete(keyOf(root, name));
      } else {
        const applications = parseMapping(found.data.toString('utf8'));
        if (applications === undefined) throw new Error(`${path} is too long`);
        table.set(keyOf(root, name), interfaceName, applications);
      }
    } catch (error) {
      if (table.unreadable(keyOf(root, name), interfaceName)) this.#tell(error);
      throw error;
    }
    this.#tell(undefined);
  }

  async #readAll(): Promise<void> {
    const { places, table, signal } = this.#options;
    const before = new Set(table.keys);
    const read = async (root: number, name: string) => {
      before.delete(keyOf(root, name));
      // What it means is told by then.
      await this.read(root, name).catch(() => undefined);
    };
    const readRoot = async (root: number) => {
      const names = await this.#names(root);
      await Promise.all(names.map((name) => read(root, name)));
    };
    const outcomes = await Promise.allSettled(places.roots.map((_, root) => readRoot(root)));
    signal.throwIfAborted();
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) {
      this.#tell(failure.reason);
      return;
    }
    for (const key of before) table.delete(key);
    table.isListed = true;
    this.#wasRead = true;
    if (table.isWhole) this.#tell(undefined);
    else if (!this.#hasTrouble) this.#tell(new Error('it has too many names'));
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
