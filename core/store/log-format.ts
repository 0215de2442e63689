import { crc32 } from 'node:zlib';

/**
 * A log on disk: a header line that says what it is, then records, then a commit after each batch of them. A reader takes
 * whole batches alone, so a batch that was cut by a crash counts as not written.
 *
 * - header: `isthmus-log 1 KIND\n`
 * - record: length (u32, 1 to {@link maxRecordBytes}), crc32 (u32), payload
 * - commit: 0xffffffff, crc32 of the last record (u32), number of the batch (u32), crc32 of these 12 bytes (u32)
 *
 * Numbers are little-endian. Each checksum goes on from the one before, so that it also covers what came first: a record
 * that is lost, doubled or of an older file is seen as well as one with other bytes.
 */
export const logVersion = 1;
/** Of one record; a longer one is refused by the writer. */
export const maxRecordBytes = 64 * 1024 * 1024;
export const recordHeadBytes = 8;
export const commitBytes = 16;

const commitMark = 0xffffffff;
const maxHeaderBytes = 256;
const newline = 0x0a;

/** Where a log stands: what the next record's checksum goes on from, and how many batches there are. */
export interface LogPosition {
  readonly bytes: number;
  readonly chain: number;
  readonly batches: number;
}

/** @param kind what the log is of, and its version, as `catalog-1/nacos-hz`: no spaces */
export function encodeLogHeader(kind: string): Buffer {
  const header = Buffer.from(`isthmus-log ${logVersion} ${kind}\n`, 'latin1');
  if (header.length > maxHeaderBytes || /\s/.test(kind)) throw new Error('the kind of a log is too long or has spaces');
  return header;
}

export function startOfLog(header: Buffer): LogPosition {
  return { bytes: header.length, chain: crc32(header), batches: 0 };
}

/** The eight bytes before a payload. Their checksum is what the next record's goes on from: see {@link chainOf}. */
export function recordHead(payload: Buffer, chain: number): Buffer {
  const head = Buffer.allocUnsafe(recordHeadBytes);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32(payload, crc32(head.subarray(0, 4), chain)), 4);
  return head;
}

export function chainOf(head: Buffer): number {
  return head.readUInt32LE(4);
}

export function encodeCommit(chain: number, batch: number): Buffer {
  const commit = Buffer.allocUnsafe(commitBytes);
  commit.writeUInt32LE(commitMark, 0);
  commit.writeUInt32LE(chain, 4);
  commit.writeUInt32LE(batch, 8);
  commit.writeUInt32LE(crc32(commit.subarray(0, 12)), 12);
  return commit;
}

/** How a log ends: as it was written; in a batch that was never finished; or with bytes that are not what was written. */
export type LogEnd =
  | { readonly kind: 'whole'; readonly position: LogPosition }
  | { readonly kind: 'torn'; readonly position: LogPosition; readonly lostBytes: number }
  | { readonly kind: 'damaged'; readonly position: LogPosition; readonly reason: string }
  /** Nothing of it can be used. */
  | { readonly kind: 'foreign'; readonly reason: string };

/** A record of the batch at hand, or the end of that batch. */
export type LogStep = { readonly kind: 'record'; readonly payload: Buffer } | { readonly kind: 'commit' };

/**
 * Reads a log's bytes record by record; never throws, whatever they are. The payloads are views of `bytes`. Records that
 * no commit follows are of a torn batch.
 * @returns how it ended
 */
export function* scanLog(bytes: Buffer, kind: string): Generator<LogStep, LogEnd> {
  const header = encodeLogHeader(kind);
  if (!bytes.subarray(0, header.length).equals(header)) return { kind: 'foreign', reason: foreignReason(bytes, kind) };
  let position = startOfLog(header);
  let { bytes: at, chain } = position;
  while (at < bytes.length) {
    if (at + recordHeadBytes > bytes.length) return cutAt(bytes, position);
    const length = bytes.readUInt32LE(at);
    if (length === commitMark) {
      const batch = position.batches + 1;
      if (at + commitBytes > bytes.length) return cutAt(bytes, position);
      if (!bytes.subarray(at, at + commitBytes).equals(encodeCommit(chain, batch))) return cutAt(bytes, position);
      at += commitBytes;
      position = { bytes: at, chain, batches: batch };
      yield { kind: 'commit' };
      continue;
    }
    const end = at + recordHeadBytes + length;
    if (length === 0 || length > maxRecordBytes || end > bytes.length) return cutAt(bytes, position);
    const payload = bytes.subarray(at + recordHeadBytes, end);
    const checksum = bytes.readUInt32LE(at + 4);
    if (crc32(payload, crc32(bytes.subarray(at, at + 4), chain)) !== checksum) return cutAt(bytes, position);
    chain = checksum;
    at = end;
    yield { kind: 'record', payload };
  }
  return at === position.bytes ? { kind: 'whole', position } : cutAt(bytes, position);
}

/**
 * What is after the last good batch: one that was never finished, unless a commit follows somewhere; then what stands
 * before that commit was on disk once, and was changed since.
 */
function cutAt(bytes: Buffer, position: LogPosition): LogEnd {
  const mark = Buffer.alloc(4, 0xff);
  for (let at = bytes.indexOf(mark, position.bytes); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    if (at + commitBytes > bytes.length) break;
    const isCommit = bytes.readUInt32LE(at + 12) === crc32(bytes.subarray(at, at + 12));
    if (isCommit && bytes.readUInt32LE(at + 8) > position.batches) {
      return { kind: 'damaged', position, reason: `a checksum is wrong after byte ${position.bytes}` };
    }
  }
  return { kind: 'torn', position, lostBytes: bytes.length - position.bytes };
}

function foreignReason(bytes: Buffer, kind: string): string {
  const lineEnd = bytes.subarray(0, maxHeaderBytes).indexOf(newline);
  const [magic, version, ownKind] = bytes.subarray(0, Math.max(0, lineEnd)).toString('latin1').split(' ');
  if (magic !== 'isthmus-log') return 'it is no log of Isthmus';
  if (version !== String(logVersion)) return 'it is of another version of Isthmus';
  return `it is not of the kind ${kind}${ownKind === undefined ? '' : ' but of another'}`;
}
