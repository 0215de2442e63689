import {
  decoding,
  endOfField,
  headerBytes,
  NodeRequest,
  type NodeStat,
  opCodes,
  readStat,
  replyHeaderBytes,
  statBytes,
  writeHeader,
} from './jute.js';
import { noNode } from './zookeeper-error.js';

/** The state of one node of many: undefined when there is no such node, `refused` when it is not told. */
export type FoundStat = NodeStat | undefined | 'refused';

/** MultiHeader: `int type; boolean done; int err`. */
const multiHeaderBytes = 9;
const errorType = -1;

/**
 * Asks for the states of many nodes at once, by their data, for which a state comes along: MultiOperationRecord with
 * operations of GetDataRequest (`ustring path; boolean watch`). ZooKeeper 3.6 and newer.
 */
export class StatsRequest extends NodeRequest {
  readonly #paths: readonly string[];

  constructor(paths: readonly string[]) {
    super(opCodes.multiRead, paths[0] ?? '');
    this.#paths = paths;
  }

  toBuffer(): Buffer {
    const lengths = this.#paths.map((path) => Buffer.byteLength(path));
    const operations = lengths.reduce((sum, length) => sum + multiHeaderBytes + 4 + length + 1, 0);
    const buffer = Buffer.alloc(headerBytes + operations + multiHeaderBytes);
    writeHeader(buffer, this.header);
    let offset = headerBytes;
    for (const [index, path] of this.#paths.entries()) {
      offset = writeMultiHeader(buffer, offset, opCodes.getData, false);
      const length = lengths[index] ?? 0;
      offset = buffer.writeInt32BE(length, offset);
      offset += buffer.write(path, offset) + 1; // no watch
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
 * MultiResponse to a {@link StatsRequest} for `count` nodes, in their order: GetDataResponse, or ErrorResponse (`int err`).
 * @throws ZookeeperError PROTOCOL
 */
export function decodeStats(frame: Buffer, count: number): FoundStat[] {
  return decoding('the states of nodes', () => {
    const found: FoundStat[] = [];
    let offset = replyHeaderBytes;
    for (let index = 0; index < count; index++) {
      const type = frame.readInt32BE(offset);
      if (frame[offset + 4] !== 0) throw new RangeError('fewer answers than questions');
      offset += multiHeaderBytes;
      if (type === errorType) {
        found.push(frame.readInt32BE(offset) === noNode ? undefined : 'refused');
        offset += 4;
      } else {
        const end = endOfField(frame, offset);
        found.push(readStat(frame, end));
        offset = end + statBytes;
      }
    }
    return found;
  });
}
