import type { ZookeeperConnection } from './connection.js';
import { type Children, type ChildrenStamp, childrenStamp, type NodeData, type NodeStat } from './jute.js';
import { type BatchSupport, ReadBatcher } from './read-batcher.js';

/** Nodes in one request for states. Their data come along, which for the nodes asked about are short. */
const maxStats = 64;
/** Nodes in one request for children, of which each can have many. */
const maxLists = 16;
/** Attempts to read a node that is made and deleted while we look. */
const maxLooks = 3;

export interface NodeChildren {
  readonly names: readonly string[];
  /** undefined when there is no such node. */
  readonly stamp: ChildrenStamp | undefined;
}

/** What reading takes of a connection. */
export type NodeConnection = Pick<
  ZookeeperConnection,
  'findChildren' | 'findData' | 'exists' | 'stats' | 'manyChildren'
>;

/** What was read of a node, so that an audit can tell whether that is still so. */
export type NodeStamp = string;

/**
 * Reads nodes over one connection, and remembers what state of each was read. With classic watches each reading leaves a
 * watch behind, also on what is not there, so that an event tells when it changes.
 */
export class NodeReader {
  readonly #connection: NodeConnection;
  readonly #isWatching: boolean;
  readonly #stamps = new Map<string, NodeStamp>();
  /** Absent where each reading has to leave a watch behind. */
  readonly #stats: ReadBatcher<NodeStat> | undefined;
  readonly #lists: ReadBatcher<Children> | undefined;
  /** Whether many nodes are read, so that those read in one turn of the event loop are asked for in one request. */
  readsMany = false;

  constructor(connection: NodeConnection, isWatching: boolean, batches: BatchSupport) {
    this.#connection = connection;
    this.#isWatching = isWatching;
    if (isWatching) return;
    const support = batches.connection();
    this.#stats = new ReadBatcher({ support, maxBatch: maxStats, read: (paths) => connection.stats(paths) });
    this.#lists = new ReadBatcher({ support, maxBatch: maxLists, read: (paths) => connection.manyChildren(paths) });
  }

  /** The state of every node that was read, by path. */
  get stamps(): ReadonlyMap<string, NodeStamp> {
    return this.#stamps;
  }

  /** The node's children, none when there is no such node. @throws ZookeeperError */
  async children(path: string): Promise<NodeChildren> {
    const among = this.readsMany && this.#lists ? await this.#lists.find(path) : 'refused';
    const alone = () => this.#look(path, () => this.#connection.findChildren(path, this.#isWatching));
    const found = among === 'refused' ? await alone() : among;
    this.#stamps.set(path, childrenPrefix + (found?.stamp ?? ''));
    return found ?? { names: [], stamp: undefined };
  }

  /** As {@link children}, for nodes of which most have none, or are not there: many are looked at in one request. */
  async rareChildren(path: string): Promise<NodeChildren> {
    const stat = this.#stats ? await this.#stats.find(path) : 'refused';
    if (stat === 'refused' || (stat && stat.childCount > 0)) return this.children(path);
    const stamp = stat && childrenStamp(stat);
    this.#stamps.set(path, childrenPrefix + (stamp ?? ''));
    return { names: [], stamp };
  }

  /** The node's data; undefined when there is no such node. @throws ZookeeperError */
  async data(path: string): Promise<NodeData | undefined> {
    const found = await this.#look(path, () => this.#connection.findData(path, this.#isWatching));
    this.#stamps.set(path, dataPrefix + (found ? dataStamp(found.stat) : ''));
    return found;
  }

  /** The node is of no interest any more. */
  forget(path: string): void {
    this.#stamps.delete(path);
  }

  /** Whether a node is now as it was when it was read. @throws ZookeeperError */
  async isAsRead(path: string, stamp: NodeStamp): Promise<boolean> {
    const found = this.#stats ? await this.#stats.find(path) : 'refused';
    const stat = found === 'refused' ? await this.#connection.exists(path, false) : found;
    const toStamp = stamp.startsWith(dataPrefix) ? dataStamp : childrenStamp;
    return stamp.slice(1) === (stat ? toStamp(stat) : '');
  }

  /** Names of the node's children now, with no trace of the reading. @throws ZookeeperError */
  async names(path: string): Promise<readonly string[]> {
    return (await this.#connection.findChildren(path, false))?.names ?? [];
  }

  exists(path: string): Promise<NodeStat | undefined> {
    return this.#connection.exists(path, false);
  }

  async #look<T>(path: string, find: () => Promise<T | undefined>): Promise<T | undefined> {
    for (let look = 0; look < maxLooks; look++) {
      const found = await find();
      if (found !== undefined) return found;
      if (!this.#isWatching || (await this.#connection.exists(path, true)) === undefined) return undefined;
    }
    throw new Error(`${path}: it comes and goes faster than it can be read`);
  }
}

const childrenPrefix = 'c';
const dataPrefix = 'd';

function dataStamp({ czxid, mzxid }: NodeStat): string {
  return `${czxid}-${mzxid}`;
}
