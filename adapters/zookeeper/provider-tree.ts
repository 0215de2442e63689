import { randomInt } from 'node:crypto';
import type { Service } from '../../core/plugin/index.js';
import { decodeText } from '../dubbo/dubbo-url.js';
import { ProviderReader } from '../dubbo/provider.js';
import type { ServicePorts } from '../dubbo/service.js';
import { childHash } from './child-hash.js';
import { type Changes, type DirectoryTools, InterfaceDirectory, noChanges } from './interface-directory.js';
import type { ChildrenStamp } from './jute.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const interfacePattern = /^[^\u0000-\u0020\u007f-\u009f\u2028\u2029\ufffd]{1,255}$/;

interface Entry {
  readonly directory: InterfaceDirectory;
  /** Of the `providers` node as read last; undefined when there was none. */
  stamp: ChildrenStamp | undefined;
}

/** All interfaces below the root, as they were read last, by the name of their znode. Outlives connections. */
export class ProviderTree {
  readonly #entries = new Map<string, Entry>();
  readonly #tools: DirectoryTools;

  constructor(ports: ServicePorts) {
    const seed = () => randomInt(2 ** 32);
    this.#tools = { hash: childHash([seed(), seed()]), reader: new ProviderReader(), ports };
  }

  get names(): Iterable<string> {
    return this.#entries.keys();
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  stamp(name: string): ChildrenStamp | undefined {
    return this.#entries.get(name)?.stamp;
  }

  *services(): Generator<Service> {
    for (const { directory } of this.#entries.values()) yield* directory.services;
  }

  /** Takes a complete reading of one `providers` node; no children and no stamp when there is none. */
  update(name: string, childNames: readonly string[], stamp: ChildrenStamp | undefined): Changes {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      const interfaceName = decodeText(name) ?? '';
      if (!interfacePattern.test(interfaceName)) return noChanges;
      entry = { directory: new InterfaceDirectory(interfaceName, this.#tools), stamp };
      this.#entries.set(name, entry);
    }
    entry.stamp = stamp;
    return entry.directory.update(childNames);
  }

  /** The interface's own znode is gone. */
  remove(name: string): Changes {
    const entry = this.#entries.get(name);
    this.#entries.delete(name);
    return entry ? { changed: [], removed: entry.directory.serviceNames } : noChanges;
  }

  /** Drops all that are not in a complete listing of the root. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#entries.keys()) {
      if (!names.has(name)) this.#entries.delete(name);
    }
  }
}
