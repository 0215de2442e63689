import {
  type Children,
  childrenStamp,
  decoding,
  endOfField,
  headerBytes,
  NodeRequest,
  type NodeStat,
  opCodes,
  readNames,
  readStat,
  replyHeaderBytes,
  statBytes,
  writeHeader,
} from './jute.js';
import { noNode } from './zookeeper-error.js';

/** What was found of one node of many: undefined when there is no such node, `refused` when it is not told. */
export type Found<T> = T | undefined | 'refused';
export type FoundStat = Found<NodeStat>;
export type FoundChildren = Found<Children>;

/** MultiHeader: `int type; boolean done; int err`. */
const multiHeaderBytes = 9;
const errorType = -1;

/**
 * Reads many nodes at once: MultiOperationRecord of GetDataRequest and GetChildrenRequest (both `ustring path; boolean
 * watch`), each of the operations for each of the paths. ZooKeeper 3.6 and newer.
 */
export class MultiReadRequest extends NodeRequest {
  readonly #paths: readonly string[];
  readonly #operations: readonly number[];

  private constructor(paths: readonly string[], operations: readonly number[]) {
    super(opCodes.multiRead, paths[0] ?? '');
    this.#paths = paths;
    this.#operations = operations;
  }

  /** For the states of nodes, by their data, for which a state comes along. */
  static stats(paths: readonly string[]): MultiReadRequest {
    return new MultiReadRequest(paths, [opCodes.getData]);
  }

  /** For the children of nodes, and first for their states: a list of children comes without one. */
  static children(paths: readonly string[]): MultiReadRequest {
    return new MultiReadRequest(paths, [opCodes.getData, opCodes.getChildren]);
  }

  toBuffer(): Buffer {
    const lengths = this.#paths.map((path) => Buffer.byteLength(path));
    const bytes = lengths.reduce((sum, length) => sum + multiHeaderBytes + 4 + length + 1, 0);
    const buffer = Buffer.alloc(headerBytes + this.#operations.length * bytes + multiHeaderBytes);
    writeHeader(buffer, this.header);
    let offset = headerBytes;
    for (const [index, path] of this.#paths.entries()) {
      for (const operation of this.#operations) {
        offset = writeMultiHeader(buffer, offset, operation, false);
        offset = buffer.writeInt32BE(lengths[index] ?? 0, offset);
        offset += buffer.write(path, offset) + 1; // no watch
      }
    }
    writeMultiHeader(buffer, offset, errorType, true);
    return buffer;
  }
}

function writeMultiHeader(buffer: Buffer, offset: number, type: number, done: boolean): number {
  buffer.writeInt32BE(type, offset);
  buffer.writeUInt8(done ? 1 : 0, offset + 4);
  buffer.writeInt32BE(-1, offset + 5);
  return offset + multiHeaderBytes;
}

/**
 * MultiResponse to {@link MultiReadRequest.stats} for `count` nodes, in their order.
 * @throws ZookeeperError PROTOCOL
 */
export function decodeStats(frame: Buffer, count: number): FoundStat[] {
  return decoding('the states of nodes', () => {
    const results = new Results(frame);
    return Array.from({ length: count }, () => results.stat());
  });
}

/**
 * MultiResponse to {@link MultiReadRequest.children} for `count` nodes, in their order.
 * @throws ZookeeperError PROTOCOL
 */
export function decodeManyChildren(frame: Buffer, count: number): FoundChildren[] {
  return decoding('the children of nodes', () => {
    const results = new Results(frame);
    return Array.from({ length: count }, (): FoundChildren => {
      const stat = results.stat();
      const names = results.names();
      // A node that came or went between the two is asked for by itself.
      if (stat === undefined || names === undefined) return stat === names ? undefined : 'refused';
      if (stat === 'refused' || names === 'refused') return 'refused';
      return { names, stamp: childrenStamp(stat) };
    });
  });
}

/** The results of a MultiResponse, one after another; an ErrorResponse (`int err`) may stand for each. */
class Results {
  readonly #frame: Buffer;
  #offset = replyHeaderBytes;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  /** Of a GetDataResponse. */
  stat(): FoundStat {
    return this.#next((offset) => {
      const end = endOfField(this.#frame, offset);
      return [readStat(this.#frame, end), end + statBytes];
    });
  }

  /** GetChildrenResponse: `vector<ustring> children`. */
  names(): Found<string[]> {
    return this.#next((offset) => readNames(this.#frame, offset));
  }

  /** @param read gives what stands at an offset, and where it ends */
  #next<T>(read: (offset: number) => readonly [T, number]): Found<T> {
    const type = this.#frame.readInt32BE(this.#offset);
    if (this.#frame[this.#offset + 4] !== 0) throw new RangeError('fewer answers than questions');
    this.#offset += multiHeaderBytes;
    if (type === errorType) {
      const code = this.#frame.readInt32BE(this.#offset);
      this.#offset += 4;
      return code === noNode ? undefined : 'refused';
    }
    const [value, end] = read(this.#offset);
    this.#offset = end;
    return value;
  }
}
