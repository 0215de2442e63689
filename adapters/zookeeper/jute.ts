import type { Request, RequestHeader } from 'node-zookeeper-client';
import { ZookeeperError } from './zookeeper-error.js';

/** Operations of the ZooKeeper protocol in use here: org.apache.zookeeper.ZooDefs.OpCode. */
export const opCodes = {
  exists: 3,
  getData: 4,
  getChildren: 8,
  ping: 11,
  getChildren2: 12,
  multiRead: 22,
  auth: 100,
  sasl: 102,
  addWatch: 106,
} as const;

/** `AddWatchMode` PERSISTENT_RECURSIVE, ZooKeeper 3.6 and newer. */
const persistentRecursive = 1;
const pingXid = -2;
const authXid = -4;
export const headerBytes = 12;

/** What a node's Stat says about its children; it differs whenever a child came or went, or the node was made anew. */
export type ChildrenStamp = string;

/** The parts of org.apache.zookeeper.data.Stat in use here. */
export interface NodeStat {
  /** Transaction that made the node. */
  readonly czxid: bigint;
  /** Transaction that wrote its data last. */
  readonly mzxid: bigint;
  /** Transaction that made or deleted a child of it last. */
  readonly pzxid: bigint;
  /** Session that the node ends with; 0 for one that stays. */
  readonly ephemeralOwner: bigint;
  readonly childCount: number;
}

export interface Children {
  readonly names: string[];
  readonly stamp: ChildrenStamp;
}

export interface NodeData {
  readonly data: Buffer;
  readonly stat: NodeStat;
}

/** A request about nodes, in the form that the client library queues and writes. */
export abstract class NodeRequest implements Request {
  readonly header: RequestHeader;
  readonly payload = null;
  /** For errors: the path that is asked about, or the first of them. */
  readonly path: string;
  /** For the request's deadline, on the clock of `performance.now`. */
  readonly queuedAtMs = performance.now();
  /** Whether an answer is wanted also when there is no such node, in place of an error: most nodes asked for are not there. */
  mayBeAbsent = false;

  constructor(type: number, path: string) {
    this.header = { type, xid: 0 };
    this.path = path;
  }

  abstract toBuffer(): Buffer;
}

/** A request about one path. */
export class PathRequest extends NodeRequest {
  readonly #argument: Buffer;

  private constructor(type: number, path: string, argument: Buffer) {
    super(type, path);
    this.#argument = argument;
  }

  static exists(path: string, watch: boolean): PathRequest {
    return new PathRequest(opCodes.exists, path, Buffer.of(watch ? 1 : 0));
  }

  static getData(path: string, watch: boolean): PathRequest {
    return new PathRequest(opCodes.getData, path, Buffer.of(watch ? 1 : 0));
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
    writeHeader(buffer, this.header);
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
    writeHeader(buffer, this.header);
    return buffer;
  }
}

/** AuthPacket: `int type; ustring scheme; buffer auth`. The server answers with the same xid. */
export class AuthRequest implements Request {
  readonly header: RequestHeader = { type: opCodes.auth, xid: authXid };
  readonly payload = null;
  readonly #body: Buffer;

  constructor(scheme: string, auth: Buffer) {
    this.#body = Buffer.concat([Buffer.alloc(4), sized(Buffer.from(scheme)), sized(auth)]);
  }

  toBuffer(): Buffer {
    return withHeader(this.header, this.#body);
  }
}

/** GetSASLRequest: `buffer token`. */
export class SaslRequest implements Request {
  readonly header: RequestHeader = { type: opCodes.sasl, xid: 0 };
  readonly payload = null;
  readonly #body: Buffer;

  constructor(token: Buffer) {
    this.#body = sized(token);
  }

  toBuffer(): Buffer {
    return withHeader(this.header, this.#body);
  }
}

export interface Handshake {
  readonly zxid: Buffer;
  readonly timeoutMs: number;
  readonly sessionId: Buffer;
  readonly password: Buffer;
  /** Whether a server that has lost its quorum may take us, to read only. */
  readonly canBeReadOnly: boolean;
}

/** ConnectRequest: `int version; long zxid; int timeout; long session; buffer password; boolean readOnly`, with its length. */
export function connectRequest({ zxid, timeoutMs, sessionId, password, canBeReadOnly }: Handshake): Buffer {
  const timeout = Buffer.alloc(4);
  timeout.writeInt32BE(timeoutMs);
  const readOnly = Buffer.of(canBeReadOnly ? 1 : 0);
  return sized(Buffer.concat([Buffer.alloc(4), zxid, timeout, sessionId, sized(password), readOnly]));
}

/** Length prefix, version, timeout, session, password of 16 bytes with its length; then the flag. */
const readOnlyOffset = 4 + 4 + 4 + 8 + 20;

/** Whether a ConnectResponse, its length prefix included, says that the server only serves readers. */
export function saysReadOnly(frame: Buffer): boolean {
  return frame[readOnlyOffset] === 1;
}

function sized(bytes: Buffer): Buffer {
  const buffer = Buffer.allocUnsafe(4 + bytes.length);
  buffer.writeInt32BE(bytes.length);
  bytes.copy(buffer, 4);
  return buffer;
}

function withHeader(header: RequestHeader, body: Buffer): Buffer {
  const buffer = Buffer.concat([Buffer.alloc(headerBytes), body]);
  writeHeader(buffer, header);
  return buffer;
}

export function writeHeader(buffer: Buffer, { xid, type }: RequestHeader): void {
  buffer.writeInt32BE(buffer.length - 4, 0);
  buffer.writeInt32BE(xid, 4);
  buffer.writeInt32BE(type, 8);
}

/** Length prefix, xid, zxid, error code; then the record. */
export const replyHeaderBytes = 20;

/** GetChildren2Response: `vector<ustring> children; Stat stat`. @throws ZookeeperError PROTOCOL */
export function decodeChildren(frame: Buffer): Children {
  return decoding('the list of children', () => {
    const [names, end] = readNames(frame, replyHeaderBytes);
    return { names, stamp: childrenStamp(readStat(frame, end)) };
  });
}

/** `vector<ustring>`. @returns the texts, and where they end */
export function readNames(frame: Buffer, start: number): readonly [string[], number] {
  const count = frame.readInt32BE(start);
  let offset = start + 4;
  const names: string[] = [];
  for (let index = 0; index < count; index++) {
    const end = endOfField(frame, offset);
    names.push(frame.toString('utf8', offset + 4, end));
    offset = end;
  }
  return [names, offset];
}

/** ExistsResponse: `Stat stat`. @throws ZookeeperError PROTOCOL */
export function decodeStat(frame: Buffer): NodeStat {
  return decoding('the state of a node', () => readStat(frame, replyHeaderBytes));
}

/** GetDataResponse: `buffer data; Stat stat`. The data is a copy. @throws ZookeeperError PROTOCOL */
export function decodeData(frame: Buffer): NodeData {
  return decoding('the data of a node', () => {
    const end = endOfField(frame, replyHeaderBytes);
    return { data: Buffer.from(frame.subarray(replyHeaderBytes + 4, end)), stat: readStat(frame, end) };
  });
}

/** SetSASLResponse: `buffer token`. @throws ZookeeperError PROTOCOL */
export function decodeToken(frame: Buffer): Buffer {
  return decoding('the answer to the credentials', () =>
    Buffer.from(frame.subarray(replyHeaderBytes + 4, endOfField(frame, replyHeaderBytes))),
  );
}

export function childrenStamp({ czxid, pzxid }: NodeStat): ChildrenStamp {
  return `${czxid}-${pzxid}`;
}

export function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new ZookeeperError('PROTOCOL', `${what} cannot be decoded`, { cause: error });
  }
}

/** Where the field of variable length at `offset` ends; a length of -1 stands for null, which is taken as empty. */
export function endOfField(frame: Buffer, offset: number): number {
  const length = frame.readInt32BE(offset);
  const end = offset + 4 + Math.max(0, length);
  if (length < -1 || end > frame.length) throw new RangeError('a field reaches beyond the frame');
  return end;
}

const czxidOffset = 0;
const mzxidOffset = 8;
const ephemeralOwnerOffset = 44;
const childCountOffset = 56;
const pzxidOffset = 60;
export const statBytes = 68;

export function readStat(frame: Buffer, offset: number): NodeStat {
  return {
    czxid: frame.readBigInt64BE(offset + czxidOffset),
    mzxid: frame.readBigInt64BE(offset + mzxidOffset),
    pzxid: frame.readBigInt64BE(offset + pzxidOffset),
    ephemeralOwner: frame.readBigInt64BE(offset + ephemeralOwnerOffset),
    childCount: frame.readInt32BE(offset + childCountOffset),
  };
}
