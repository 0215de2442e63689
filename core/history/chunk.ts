import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { number, parseJson, RecordError, recordOf, text } from '../store/model-records.js';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Lines that are compressed together: large enough to compress well, small enough to stall nobody. */
export const chunkLength = 256 * 1024;
/** A line of a service with very many instances makes a large chunk of its own. */
const maxChunkBytes = 256 * 1024 * 1024;

const startMark = 0x53; // S
const statesMark = 0x4b; // K
const entriesMark = 0x44; // D
const timesBytes = 16;

/** What a segment begins with. */
export interface SegmentStart {
  readonly startMs: number;
  /** Hash of the configuration at that time. */
  readonly config: string;
}

/** A record of a segment: where it begins, a part of its checkpoint, or entries. */
export type Chunk =
  | { readonly kind: 'start'; readonly start: SegmentStart }
  | { readonly kind: 'states'; lines(): Promise<readonly string[]> }
  | {
      readonly kind: 'entries';
      readonly firstMs: number;
      readonly lastMs: number;
      lines(): Promise<readonly string[]>;
    };

export function encodeStart(start: SegmentStart): Buffer {
  return Buffer.from(`S${JSON.stringify(start)}`);
}

export async function encodeStates(lines: readonly string[]): Promise<Buffer> {
  return Buffer.concat([Buffer.of(statesMark), await pack(lines)]);
}

/** @param firstMs time of the first of the lines; `lastMs` of the last */
export async function encodeEntries(lines: readonly string[], firstMs: number, lastMs: number): Promise<Buffer> {
  const head = Buffer.alloc(1 + timesBytes, entriesMark);
  head.writeDoubleLE(firstMs, 1);
  head.writeDoubleLE(lastMs, 9);
  return Buffer.concat([head, await pack(lines)]);
}

/** @throws RecordError; `lines` rejects with it too */
export function decodeChunk(payload: Buffer): Chunk {
  switch (payload[0]) {
    case startMark: {
      const record = recordOf(parseJson(payload.subarray(1)), 'a start');
      const start = { startMs: number(record['startMs'], 'a time'), config: text(record['config'], 'a hash') };
      return { kind: 'start', start };
    }
    case statesMark:
      return { kind: 'states', lines: () => unpack(payload.subarray(1)) };
    case entriesMark: {
      if (payload.length < 1 + timesBytes) throw new RecordError('a record is cut off');
      const [firstMs, lastMs] = [payload.readDoubleLE(1), payload.readDoubleLE(9)];
      if (!(firstMs <= lastMs)) throw new RecordError('a record has no times');
      return { kind: 'entries', firstMs, lastMs, lines: () => unpack(payload.subarray(1 + timesBytes)) };
    }
    default:
      throw new RecordError('a record is of no known kind');
  }
}

/** Off the event loop. Level 1: the text repeats itself so much that more gains little. */
async function pack(lines: readonly string[]): Promise<Buffer> {
  return deflate(lines.join('\n'), { level: 1 });
}

async function unpack(bytes: Buffer): Promise<readonly string[]> {
  try {
    return (await inflate(bytes, { maxOutputLength: maxChunkBytes })).toString('utf8').split('\n');
  } catch {
    throw new RecordError('a record can not be uncompressed');
  }
}
