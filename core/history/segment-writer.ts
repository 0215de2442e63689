import type { CatalogService } from '../catalog/catalog.js';
import { Breather } from '../store/breather.js';
import { LogFile } from '../store/log-file.js';
import type { LogPosition } from '../store/log-format.js';
import { chunkLength, encodeEntries, encodeStart, encodeStates, type SegmentStart } from './chunk.js';
import type { HistoryEntry } from './entry.js';
import { encodeEntry, encodeState } from './lines.js';
import { type Segment, segmentKind, segmentPath } from './segments.js';

/** The segment that is written to. Every method throws what the file system throws; {@link recover} tells the way on. */
export class SegmentWriter {
  readonly segment: Segment;
  readonly #file: LogFile;
  #checkpointBytes: number;

  private constructor(segment: Segment, file: LogFile, checkpointBytes: number) {
    this.segment = segment;
    this.#file = file;
    this.#checkpointBytes = checkpointBytes;
  }

  /** Begins a segment with all there is. It is there for readers once it is whole. */
  static async create(
    dir: string,
    number: number,
    start: SegmentStart,
    services: Iterable<CatalogService>,
    maxBytes: number,
  ): Promise<SegmentWriter> {
    const path = segmentPath(dir, number);
    const file = await LogFile.create(path, segmentKind);
    try {
      await file.append(encodeStart(start));
      let written = 0;
      for await (const lines of linesInChunks(services, encodeState)) {
        const payload = await encodeStates(lines);
        written += payload.length;
        if (written > maxBytes) throw new CheckpointTooLargeError(`it takes more than ${maxBytes} bytes`);
        await file.append(payload);
      }
      await file.commit();
      await file.publish();
    } catch (error) {
      await file.discard();
      throw error;
    }
    return new SegmentWriter({ number, path, ...start, bytes: file.bytes }, file, file.bytes);
  }

  /** Goes on with the last segment of before. */
  static async resume(segment: Segment, position: LogPosition): Promise<SegmentWriter> {
    const file = await LogFile.resume(segment.path, position);
    return new SegmentWriter({ ...segment, bytes: file.bytes }, file, 0);
  }

  /** Bytes since the checkpoint. */
  get entryBytes(): number {
    return this.#file.bytes - this.#checkpointBytes;
  }

  get checkpointBytes(): number {
    return this.#checkpointBytes;
  }

  /** Resolves when they are on disk, as one batch. */
  async write(entries: Iterable<HistoryEntry>): Promise<void> {
    for await (const part of inChunks(entries, encodeEntry)) {
      const [first, last] = [part.items[0], part.items.at(-1)];
      if (!first || !last) continue;
      await this.#file.append(await encodeEntries(part.lines, first.atMs, last.atMs));
    }
    await this.#file.commit();
    await this.#file.sync();
    this.segment.bytes = this.#file.bytes;
  }

  /** See {@link LogFile.recover}. */
  recover(error: unknown): Promise<boolean> {
    return this.#file.recover(error);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The catalog is too large for the bound on the history. */
export class CheckpointTooLargeError extends Error {
  override readonly name = 'CheckpointTooLargeError';
}

async function* linesInChunks<T>(items: Iterable<T>, encode: (item: T) => string): AsyncGenerator<readonly string[]> {
  for await (const { lines } of inChunks(items, encode)) yield lines;
}

/** Encodes a chunk at a time, with other work in between. */
async function* inChunks<T>(
  items: Iterable<T>,
  encode: (item: T) => string,
): AsyncGenerator<{ readonly items: readonly T[]; readonly lines: readonly string[] }> {
  const breather = new Breather();
  let part: { items: T[]; lines: string[] } = { items: [], lines: [] };
  let length = 0;
  for (const item of items) {
    const line = encode(item);
    part.items.push(item);
    part.lines.push(line);
    length += line.length;
    if (length >= chunkLength) {
      yield part;
      part = { items: [], lines: [] };
      length = 0;
    }
    if (breather.isDue) await breather.breathe();
  }
  if (part.lines.length > 0) yield part;
}
