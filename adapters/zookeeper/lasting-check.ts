import { allChanges, type Changes } from './changes.js';
import type { Follower } from './follower.js';
import type { InterfaceDirectory } from './interface-directory.js';
import type { Places } from './places.js';
import type { RegistryState } from './registry-state.js';
import { hasCode } from './zookeeper-error.js';

export interface LastingCheckOptions {
  readonly follower: Follower;
  readonly places: Places;
  readonly state: RegistryState;
  readonly concurrency: number;
  readonly signal: AbortSignal;
}

/** Nodes that are looked at in one run; the rest waits for the next. */
const maxLooks = 20_000;
const shown = 5;

/**
 * Looks at the nodes of providers that were not looked at before, for those that do not end with their provider's
 * session though they are none that would say so (`dynamic=false`): Dubbo 2.7.1 made such (apache/dubbo#3920), and a dead
 * provider stays in them. Beside everything else, for it costs a request a node.
 */
export class LastingCheck {
  readonly #options: LastingCheckOptions;
  #looks = 0;

  constructor(options: LastingCheckOptions) {
    this.#options = options;
  }

  /** @throws ZookeeperError, the signal's reason */
  async run(): Promise<void> {
    const { state, concurrency, follower } = this.#options;
    const work = this.#directories();
    const changes: Changes[] = [];
    const check = async () => {
      for (const [root, directory] of work) {
        if (await this.#check(root, directory)) {
          const changed = state.roots[root]?.compute(directory.interfaceName);
          if (changed) changes.push(changed);
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, check));
    follower.publish(allChanges(changes));
    this.#tell();
  }

  *#directories(): Generator<[root: number, directory: InterfaceDirectory]> {
    for (const [root, tree] of this.#options.state.roots.entries()) {
      for (const node of [...tree.nodes]) {
        const directory = tree.directory(node);
        if (directory?.hasUnchecked && this.#looks < maxLooks) yield [root, directory];
      }
    }
  }

  async #check(root: number, directory: InterfaceDirectory): Promise<boolean> {
    const { follower, places, signal } = this.#options;
    if (directory.node === undefined) return false;
    const path = places.category(root, directory.node, 'providers');
    let changed = false;
    for (const name of directory.unchecked(await this.#names(path))) {
      signal.throwIfAborted();
      if (this.#looks++ >= maxLooks) break;
      const stat = await follower.nodes.exists(`${path}/${name}`);
      if (stat && directory.checked(name, stat.ephemeralOwner !== 0n)) changed = true;
    }
    return changed;
  }

  /** None where they cannot be listed any more: that ends no audit, and is told when the list itself is read. */
  async #names(path: string): Promise<readonly string[]> {
    try {
      return await this.#options.follower.nodes.names(path);
    } catch (error) {
      if (hasCode(error, 'NO_AUTH') || hasCode(error, 'TOO_LARGE')) return [];
      throw error;
    }
  }

  #tell(): void {
    const { state, follower } = this.#options;
    let count = 0;
    const first: string[] = [];
    for (const tree of state.roots) {
      for (const node of tree.nodes) {
        const directory = tree.directory(node);
        for (const { id } of directory?.lasting ?? []) {
          count++;
          if (first.length < shown) first.push(`${directory?.interfaceName} at ${id}`);
        }
      }
    }
    const text = `${count} providers stand in nodes that outlive them (not ephemeral), so dead ones stay: ${first.join(', ')}`;
    follower.notice('lasting-providers', count === 0 ? undefined : text);
  }
}
