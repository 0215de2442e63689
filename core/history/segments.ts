import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { scanLog } from '../store/log-format.js';
import { RecordError } from '../store/model-records.js';
import { decodeChunk, type SegmentStart } from './chunk.js';

export const segmentKind = 'history-1';
/** No larger file is read. */
export const maxSegmentBytes = 1024 * 1024 * 1024;

const namePattern = /^(\d{10})\.log$/;
const headBytes = 4096;

/** One file of the history: the whole catalog as it was at its start, then what changed. */
export interface Segment {
  /** Grows by one; a number that lacks is a part of the history that is lost. */
  readonly number: number;
  readonly path: string;
  readonly startMs: number;
  readonly config: string;
  bytes: number;
}

export function segmentPath(dir: string, number: number): string {
  return join(dir, `${String(number).padStart(10, '0')}.log`);
}

/**
 * The segments in a folder, in order. @param onForeign told of a file that has the name of a segment and is none
 * @throws what the file system throws, but for a folder that is not there
 */
export async function findSegments(
  dir: string,
  onForeign: (path: string, reason: string) => Promise<void>,
): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of (await namesIn(dir)).sort()) {
    const number = Number(namePattern.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(number)) {
      if (name.endsWith('.log.new')) await rm(join(dir, name), { force: true }); // of a write that was cut off
      continue;
    }
    const path = join(dir, name);
    const start = await readStart(path);
    if (typeof start === 'string') await onForeign(path, start);
    else segments.push({ number, path, ...start, bytes: (await stat(path)).size });
  }
  return segments;
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Reads the first record alone. @returns why it is no segment */
async function readStart(path: string): Promise<SegmentStart | string> {
  if (!(await stat(path)).isFile()) return 'it is no file';
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(headBytes);
    const { bytesRead } = await handle.read(head, 0, headBytes, 0);
    const step = scanLog(head.subarray(0, bytesRead), segmentKind).next();
    if (step.done) return step.value.kind === 'foreign' ? step.value.reason : 'it is cut off';
    if (step.value.kind !== 'record') return 'it has no start';
    const chunk = decodeChunk(step.value.payload);
    return chunk.kind === 'start' ? chunk.start : 'it has no start';
  } catch (error) {
    if (error instanceof RecordError) return error.message;
    throw error;
  } finally {
    await handle.close();
  }
}

/** @returns 0 for a path that is none of a segment */
export function segmentNumber(path: string): number {
  return Number(/(\d{10})\.log$/.exec(path)?.[1] ?? 0);
}
