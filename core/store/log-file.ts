import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileMode, makeFolder, syncFolder } from './folder.js';
import {
  chainOf,
  encodeCommit,
  encodeLogHeader,
  type LogPosition,
  maxRecordBytes,
  recordHead,
  startOfLog,
} from './log-format.js';

/** Bytes gathered before they go to the system. */
const bufferBytes = 256 * 1024;
/** A full disk, a full quota, a file that may not grow any further. */
const noRoom: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * Writes a log ({@link logVersion}) by batches: {@link append} records, then {@link commit}, and now and then {@link sync}.
 * One caller at a time. Every method throws what the file system throws; after that, {@link recover} tells the way on.
 */
export class LogFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  /** Of a file that is not in its place yet. */
  readonly #temporary: string | undefined;
  #committed: LogPosition;
  /** Where the next byte goes. */
  #at: number;
  #chain: number;
  #buffer: Buffer[] = [];
  #buffered = 0;
  #isSynced = true;
  #hasSyncFailed = false;

  private constructor(handle: FileHandle, path: string, position: LogPosition, temporary?: string) {
    this.#handle = handle;
    this.#path = path;
    this.#temporary = temporary;
    this.#committed = position;
    this.#at = position.bytes;
    this.#chain = position.chain;
  }

  /** Begins a file beside `path`, which is in its place after {@link publish}. Makes its folder when it is not there. */
  static async create(path: string, kind: string): Promise<LogFile> {
    await makeFolder(dirname(path));
    const temporary = `${path}.new`;
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx', fileMode);
    const header = encodeLogHeader(kind);
    const file = new LogFile(handle, path, startOfLog(header), temporary);
    file.#at = 0;
    try {
      await file.#push(header);
      await file.#drain();
    } catch (error) {
      await file.discard();
      throw error;
    }
    return file;
  }

  /** Goes on with a file after its last whole batch; what comes after that is cut off. */
  static async resume(path: string, position: LogPosition): Promise<LogFile> {
    const handle = await open(path, 'r+');
    const file = new LogFile(handle, path, position);
    try {
      await file.rollback();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return file;
  }

  /** Bytes of whole batches. */
  get bytes(): number {
    return this.#committed.bytes;
  }

  async append(payload: Buffer): Promise<void> {
    if (payload.length === 0 || payload.length > maxRecordBytes) {
      throw new RangeError(`a record has ${payload.length} bytes; 1 to ${maxRecordBytes} are allowed`);
    }
    const head = recordHead(payload, this.#chain);
    this.#chain = chainOf(head);
    await this.#push(head);
    await this.#push(payload);
  }

  /** Whether all whole batches are on disk. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Ends the batch. When it resolves, the system has it: a killed process loses it no more, a power loss may. */
  async commit(): Promise<void> {
    const batches = this.#committed.batches + 1;
    await this.#push(encodeCommit(this.#chain, batches));
    await this.#drain();
    this.#isSynced = false;
    this.#committed = { bytes: this.#at, chain: this.#chain, batches };
  }

  /** When it resolves, all batches are on disk. */
  async sync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      this.#hasSyncFailed = true;
      throw error;
    }
    this.#isSynced = true;
  }

  /** Syncs a file that {@link create} began and puts it in its place, at once for every reader, and for good. */
  async publish(): Promise<void> {
    await this.#handle.sync();
    this.#isSynced = true;
    await rename(this.#temporary ?? this.#path, this.#path);
    await syncFolder(dirname(this.#path));
  }

  /** Forgets what was appended since the last commit. */
  async rollback(): Promise<void> {
    this.#buffer = [];
    this.#buffered = 0;
    await this.#handle.truncate(this.#committed.bytes);
    this.#at = this.#committed.bytes;
    this.#chain = this.#committed.chain;
  }

  /**
   * After an error of {@link append}, {@link commit} or {@link sync}. A write that finds no room leaves the file as it was
   * at the last commit. After anything else nobody knows what of it is on disk (a failed fsync is not told twice), so it
   * is closed.
   * @returns whether the file can be gone on with
   */
  async recover(error: unknown): Promise<boolean> {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (!this.#hasSyncFailed && typeof code === 'string' && noRoom.has(code)) {
      try {
        await this.rollback();
        return true;
      } catch {
        // a new file it is
      }
    }
    await this.#handle.close().catch(() => undefined); // the first error is the one to tell
    return false;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Closes and removes a file that {@link create} began and that is not wanted. Never throws. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined); // what matters was told by what failed before
    if (this.#temporary !== undefined) await rm(this.#temporary, { force: true }).catch(() => undefined);
  }

  async #push(bytes: Buffer): Promise<void> {
    this.#buffer.push(bytes);
    this.#buffered += bytes.length;
    if (this.#buffered >= bufferBytes) await this.#drain();
  }

  async #drain(): Promise<void> {
    const bytes = Buffer.concat(this.#buffer);
    this.#buffer = [];
    this.#buffered = 0;
    // A write may take less than it was given, as when the disk gets full.
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#at);
      done += bytesWritten;
      this.#at += bytesWritten;
    }
  }
}
