import type { Logger } from 'pino';
import type { Clock, SourceOutput } from '../../core/plugin/index.js';
import { shownUrl } from '../dubbo/secrets.js';
import { eventTypes, type WatchEvent, type ZookeeperConnection } from './connection.js';
import type { Changes } from './interface-directory.js';
import type { ChildrenStamp } from './jute.js';
import type { ProviderTree } from './provider-tree.js';
import type { RegistryPaths } from './registry-paths.js';
import { RereadQueue } from './reread-queue.js';
import { hasCode, ZookeeperError } from './zookeeper-error.js';

export type WatchMode = 'recursive' | 'classic';

export interface FollowerOptions {
  readonly connection: ZookeeperConnection;
  readonly paths: RegistryPaths;
  readonly tree: ProviderTree;
  readonly out: SourceOutput;
  readonly watch: WatchMode;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts with the connection. */
  readonly signal: AbortSignal;
}

/** Stands for the root in the queue; no znode has this name. */
const rootKey = '/';
const maxInterfaces = 200_000;
/** Attempts to read a node that is made and deleted while we look. */
const maxLooks = 3;
const maxShownNames = 5;

interface Providers {
  readonly names: readonly string[];
  readonly stamp: ChildrenStamp | undefined;
}

/**
 * Follows the registry over one connection:
 * 1. watches are armed, then everything is listed, so that no change falls in between;
 * 2. the complete listing is published at once; what changed meanwhile is read again;
 * 3. each later event has its one interface read again, and what that changed is published.
 * An interface that cannot be read keeps what it had and is retried. When it never had anything, the others are
 * published without claiming to be complete, until it can be read.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #queue: RereadQueue;
  /** Interfaces not read yet in this process, because reading failed. */
  readonly #unread = new Set<string>();
  readonly #failing = new Map<string, Error>();
  readonly #classic: boolean;
  #listed = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#classic = options.watch === 'classic';
    const { concurrency, clock, signal, connection } = options;
    this.#queue = new RereadQueue({
      read: (key) => this.#reread(key),
      onFailure: (key, error) => this.#failed(key, error),
      onOverflow: () => connection.fail(new ZookeeperError('PROTOCOL', 'more interfaces change than can be followed')),
      concurrency,
      maxWaiting: maxInterfaces,
      clock,
      signal,
    });
  }

  /** Whether the node is known to differ from what was read of it. */
  isPending(name: string): boolean {
    return this.#queue.has(name) || this.#failing.has(name);
  }

  /** Has an interface read again, or with no name the list of them. */
  reread(name: string = rootKey): void {
    this.#queue.mark(name);
  }

  /**
   * Arms the watches, lists and publishes everything; then goes on by events until the signal aborts.
   * @throws ZookeeperError UNIMPLEMENTED when the server has no recursive watches
   */
  async start(): Promise<void> {
    this.#options.connection.onEvent = (event) => this.#onEvent(event);
    if (!this.#classic) await this.#options.connection.addRecursiveWatch(this.#options.paths.root);
    await this.#list();
    this.#queue.start();
  }

  async #list(): Promise<void> {
    const { tree, out, concurrency, logger, paths } = this.#options;
    const names = await this.#interfaces();
    if (names.size === 0) logger.warn({ root: paths.root }, 'the root of the registry is empty or does not exist');
    tree.retain(names);
    const failures = new Map<string, Error>();
    const rest = names.values();
    const work = async () => {
      for (const name of rest) {
        try {
          const { names: children, stamp } = await this.#providers(name);
          tree.update(name, children, stamp);
        } catch (error) {
          this.#options.signal.throwIfAborted();
          failures.set(name, error as Error);
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    this.#warnOfBadNames(names, failures);
    for (const name of failures.keys()) if (!tree.has(name)) this.#unread.add(name);
    if (this.#unread.size === 0) this.#complete();
    else for (const service of tree.services()) out.upsert(service);
    for (const [name, error] of failures) {
      this.#failed(name, error);
      this.#queue.retry(name);
    }
  }

  #complete(): void {
    this.#listed = true;
    const { out, tree } = this.#options;
    out.replaceAll(tree.services());
    for (const [key, error] of this.#failing) out.degraded(error, key);
  }

  #onEvent({ type, path }: WatchEvent): void {
    const { paths } = this.#options;
    if (path === paths.root) {
      if (this.#classic) this.#queue.mark(rootKey);
      return;
    }
    const name = type === eventTypes.dataChanged ? undefined : paths.interfaceOf(path);
    if (name !== undefined) this.#queue.mark(name);
  }

  async #reread(key: string): Promise<void> {
    if (key === rootKey) {
      await this.#rereadRoot();
      return;
    }
    const { connection, paths, tree } = this.#options;
    const { names, stamp } = await this.#providers(key);
    const gone = stamp === undefined && (await connection.exists(paths.interface(key), false)) === undefined;
    this.#publish(gone ? tree.remove(key) : tree.update(key, names, stamp));
    this.#recovered(key);
    if (this.#unread.delete(key) && this.#unread.size === 0) this.#complete();
  }

  async #rereadRoot(): Promise<void> {
    const { tree } = this.#options;
    const names = await this.#interfaces();
    for (const name of names) if (!tree.has(name)) this.#queue.mark(name);
    // Whether one is really gone, its own reading tells.
    for (const name of tree.names) if (!names.has(name)) this.#queue.mark(name);
  }

  #publish({ changed, removed }: Changes): void {
    const { out } = this.#options;
    for (const service of changed) out.upsert(service);
    for (const name of removed) out.remove(name);
  }

  #failed(key: string, error: Error): void {
    this.#failing.set(key, error);
    // Before everything was listed once, the source as a whole is what is not complete.
    if (this.#listed) this.#options.out.degraded(error, key);
    else this.#options.out.degraded(error);
  }

  #recovered(key: string): void {
    if (!this.#failing.delete(key) || !this.#listed) return;
    this.#options.out.recovered(key);
    // Where so many failed that they were counted as the whole source.
    if (this.#failing.size === 0) this.#options.out.recovered();
  }

  #warnOfBadNames(names: ReadonlySet<string>, failures: ReadonlyMap<string, Error>): void {
    const { tree, logger } = this.#options;
    const bad = [...names].filter((name) => !tree.has(name) && !failures.has(name));
    if (bad.length === 0) return;
    const first = bad.slice(0, maxShownNames).map(shownUrl);
    logger.warn({ count: bad.length, first }, 'nodes below the root are named like no interface and left out');
  }

  async #interfaces(): Promise<Set<string>> {
    const { names } = await this.#children(this.#options.paths.root);
    if (names.length > maxInterfaces) throw new Error(`the root has more than ${maxInterfaces} children`);
    return new Set(names);
  }

  #providers(name: string): Promise<Providers> {
    return this.#children(this.#options.paths.providers(name));
  }

  /** The node's children, none when there is no such node; with classic watches an event tells when that changes. */
  async #children(path: string): Promise<Providers> {
    const { connection } = this.#options;
    for (let look = 0; look < maxLooks; look++) {
      try {
        return await connection.getChildren(path, this.#classic);
      } catch (error) {
        if (!hasCode(error, 'NO_NODE')) throw error;
      }
      if (!this.#classic || (await connection.exists(path, true)) === undefined) {
        return { names: [], stamp: undefined };
      }
    }
    throw new Error(`${path}: it comes and goes faster than it can be read`);
  }
}
