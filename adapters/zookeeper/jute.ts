import type { Request, RequestHeader } from 'node-zookeeper-client';
import { ZookeeperError } from './zookeeper-error.js';

/** Operations of the ZooKeeper protocol in use here: org.apache.zookeeper.ZooDefs.OpCode. */
export const opCodes = { exists: 3, ping: 11, getChildren2: 12, addWatch: 106 } as const;

/** `AddWatchMode` PERSISTENT_RECURSIVE, ZooKeeper 3.6 and newer. */
const persistentRecursive = 1;
const pingXid = -2;
const headerBytes = 12;

/** What a node's Stat says about its children; it differs whenever a child came or went, or the node was made anew. */
export type ChildrenStamp = string;

export interface Children {
  readonly names: string[];
  readonly stamp: ChildrenStamp;
}

/** A request about one path, in the form that the client library queues and writes. */
export class PathRequest implements Request {
  readonly header: RequestHeader;
  readonly payload = null;
  readonly path: string;
  /** For the request's deadline, on the clock of `performance.now`. */
  readonly queuedAtMs: number;
  readonly #argument: Buffer;

  private constructor(type: number, path: string, argument: Buffer) {
    this.header = { type, xid: 0 };
    this.path = path;
    this.queuedAtMs = performance.now();
    this.#argument = argument;
  }

  static exists(path: string, watch: boolean): PathRequest {
    return new PathRequest(opCodes.exists, path, Buffer.of(watch ? 1 : 0));
  }

  static getChildren(path: string, watch: boolean): PathRequest {
    return new PathRequest(opCodes.getChildren2, path, Buffer.of(watch ? 1 : 0));
  }

  static addRecursiveWatch(path: string): PathRequest {
    return new PathRequest(opCodes.addWatch, path, Buffer.of(0, 0, 0, persistentRecursive));
  }

  toBuffer(): Buffer {
    const pathBytes = Buffer.byteLength(this.path);
    const buffer = Buffer.allocUnsafe(headerBytes + 4 + pathBytes + this.#argument.length);
    buffer.writeInt32BE(buffer.length - 4, 0);
    buffer.writeInt32BE(this.header.xid, 4);
    buffer.writeInt32BE(this.header.type, 8);
    buffer.writeInt32BE(pathBytes, headerBytes);
    buffer.write(this.path, headerBytes + 4);
    this.#argument.copy(buffer, headerBytes + 4 + pathBytes);
    return buffer;
  }
}

/** Keeps the session alive; the server answers with the same xid. */
export class PingRequest implements Request {
  readonly header: RequestHeader = { type: opCodes.ping, xid: pingXid };
  readonly payload = null;

  toBuffer(): Buffer {
    const buffer = Buffer.alloc(headerBytes);
    buffer.writeInt32BE(headerBytes - 4, 0);
    buffer.writeInt32BE(pingXid, 4);
    buffer.writeInt32BE(opCodes.ping, 8);
    return buffer;
  }
}

/** Length prefix, xid, zxid, error code; then the record. */
export const replyHeaderBytes = 20;

/** GetChildren2Response: `vector<ustring> children; Stat stat`. @throws ZookeeperError PROTOCOL */
export function decodeChildren(frame: Buffer): Children {
  try {
    const count = frame.readInt32BE(replyHeaderBytes);
    let offset = replyHeaderBytes + 4;
    const names: string[] = [];
    for (let index = 0; index < count; index++) {
      const length = frame.readInt32BE(offset);
      const end = offset + 4 + length;
      if (length < 0 || end > frame.length) throw new RangeError('a name reaches beyond the frame');
      names.push(frame.toString('utf8', offset + 4, end));
      offset = end;
    }
    return { names, stamp: decodeStamp(frame, offset) };
  } catch (error) {
    throw new ZookeeperError('PROTOCOL', 'the list of children cannot be decoded', { cause: error });
  }
}

/** ExistsResponse: `Stat stat`. @throws ZookeeperError PROTOCOL */
export function decodeStat(frame: Buffer): ChildrenStamp {
  try {
    return decodeStamp(frame, replyHeaderBytes);
  } catch (error) {
    throw new ZookeeperError('PROTOCOL', 'the state of a node cannot be decoded', { cause: error });
  }
}

const czxidOffset = 0;
const pzxidOffset = 60;

function decodeStamp(frame: Buffer, stat: number): ChildrenStamp {
  return `${frame.readBigInt64BE(stat + czxidOffset)}-${frame.readBigInt64BE(stat + pzxidOffset)}`;
}
