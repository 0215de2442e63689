import { eventTypes, type WatchEvent } from '../../../adapters/zookeeper/connection.js';
import type { FollowerOptions } from '../../../adapters/zookeeper/follower.js';
import { type Children, childrenStamp, type NodeData, type NodeStat } from '../../../adapters/zookeeper/jute.js';
import type { FoundStat } from '../../../adapters/zookeeper/multi-read.js';
import { type Deferred, deferred } from '../../../core/plugin/index.js';

interface Node {
  readonly data: Buffer;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  pzxid: bigint;
}

/**
 * A tree of nodes and one connection to it, for orders of events and answers that no real server can be made to keep.
 * Its watches are ZooKeeper's: those of a reading go off once, recursive ones tell of each node itself.
 */
export class FakeTree {
  readonly #nodes = new Map<string, Node>([['', { data: Buffer.alloc(0), czxid: 0n, mzxid: 0n, pzxid: 0n }]]);
  readonly #childWatches = new Set<string>();
  readonly #dataWatches = new Set<string>();
  readonly #recursive = new Set<string>();
  readonly #refused = new Map<string, Error>();
  readonly #held = new Map<string, Deferred<void>>();
  #zxid = 0n;
  #tell: (event: WatchEvent) => void = () => undefined;

  readonly connection: FollowerOptions['connection'] = this.#connection();

  /** The connection is lost, and its watches with it. */
  forgetWatches(): void {
    for (const watches of [this.#childWatches, this.#dataWatches, this.#recursive]) watches.clear();
  }

  /** Makes a node, and those above it that lack. */
  make(path: string, text = ''): void {
    const parent = parentOf(path);
    if (!this.#nodes.has(parent)) this.make(parent);
    const zxid = ++this.#zxid;
    const above = this.#nodes.get(parent);
    if (above) above.pzxid = zxid;
    this.#nodes.set(path, { data: Buffer.from(text), czxid: zxid, mzxid: zxid, pzxid: zxid });
    this.#changed(path, eventTypes.created);
  }

  /** Deletes a node and what is below it, the lowest first. */
  delete(path: string): void {
    for (const name of this.#names(path)) this.delete(`${path}/${name}`);
    this.#nodes.delete(path);
    const above = this.#nodes.get(parentOf(path));
    if (above) above.pzxid = ++this.#zxid;
    this.#changed(path, eventTypes.deleted);
  }

  /** From now on readings of a node's children or data fail; undefined: no longer. */
  refuse(path: string, error: Error | undefined): void {
    if (error) this.#refused.set(path, error);
    else this.#refused.delete(path);
  }

  /** Keeps back answers about a node's children and data, as they are when they are asked for. @returns what lets them go */
  hold(path: string): () => void {
    const held = deferred();
    this.#held.set(path, held);
    return () => {
      this.#held.delete(path);
      held.resolve();
    };
  }

  #connection(): FollowerOptions['connection'] {
    const setHandler = (handler: (event: WatchEvent) => void) => {
      this.#tell = handler;
    };
    return {
      set onEvent(handler: (event: WatchEvent) => void) {
        setHandler(handler);
      },
      addRecursiveWatch: async (path) => void this.#recursive.add(path),
      findChildren: (path, watch) => this.#findChildren(path, watch),
      findData: (path, watch) => this.#findData(path, watch),
      exists: async (path, watch) => this.#exists(path, watch),
      stats: async (paths) => paths.map((path): FoundStat => this.#exists(path, false)),
      manyChildren: (paths) =>
        Promise.all(paths.map((path) => this.#findChildren(path, false).catch(() => 'refused' as const))),
      fail: (error) => {
        throw error;
      },
    };
  }

  async #findChildren(path: string, watch: boolean): Promise<Children | undefined> {
    const error = this.#refused.get(path);
    if (error) throw error;
    const stat = this.#stat(path);
    const found = stat && { names: this.#names(path), stamp: childrenStamp(stat) };
    if (watch && stat) this.#childWatches.add(path);
    await this.#held.get(path)?.promise;
    return found;
  }

  async #findData(path: string, watch: boolean): Promise<NodeData | undefined> {
    const error = this.#refused.get(path);
    if (error) throw error;
    const node = this.#nodes.get(path);
    const stat = this.#stat(path);
    if (watch && node) this.#dataWatches.add(path);
    await this.#held.get(path)?.promise;
    return node && stat && { data: node.data, stat };
  }

  #exists(path: string, watch: boolean): NodeStat | undefined {
    if (watch) this.#dataWatches.add(path);
    return this.#stat(path);
  }

  #stat(path: string): NodeStat | undefined {
    const node = this.#nodes.get(path);
    return node && { ...node, ephemeralOwner: 1n, childCount: this.#names(path).length };
  }

  #names(path: string): string[] {
    const below = `${path}/`;
    const paths = [...this.#nodes.keys()].filter((other) => other.startsWith(below));
    return paths.map((other) => other.slice(below.length)).filter((name) => !name.includes('/'));
  }

  #changed(path: string, type: number): void {
    const own = this.#dataWatches.delete(path);
    const ownList = type === eventTypes.deleted && this.#childWatches.delete(path);
    const isCovered = [...this.#recursive].some((root) => path === root || path.startsWith(`${root}/`));
    if (own || ownList || isCovered) this.#tell({ type, path });
    const parent = parentOf(path);
    if (this.#childWatches.delete(parent)) this.#tell({ type: eventTypes.childrenChanged, path: parent });
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
