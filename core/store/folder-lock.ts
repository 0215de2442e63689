import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../model/index.js';
import type { Clock } from '../time/index.js';
import { fileMode, makeFolder } from './folder.js';
import { livenessOf, ownIdentity, type ProcessIdentity } from './process-identity.js';

const fileName = 'lock';
/** How often the holder says that it is there. */
const beatMs = 5000;
/** A holder on another machine that said nothing for this long is gone. */
const staleMs = 30_000;
const maxFileBytes = 4096;

/** Another process has the folder. */
export class FolderHeldError extends Error {
  override readonly name = 'FolderHeldError';
}

export interface FolderLockOptions {
  readonly dir: string;
  readonly clock: Clock;
  /** Told when another process has taken the folder, as after a long pause of this one: nothing may be written then. */
  readonly onLost?: () => void;
}

/**
 * Lets one process at a time use a folder, by a file `lock` in it. The holder of a lock on the same machine is looked at:
 * one that was killed holds nothing. On another machine, or in another container, it has to touch the file every
 * {@link beatMs} ms, and is taken for gone after {@link staleMs}.
 */
export class FolderLock {
  readonly #path: string;
  readonly #options: FolderLockOptions;
  readonly #text: string;
  readonly #own: ProcessIdentity;

  private constructor(options: FolderLockOptions, own: ProcessIdentity) {
    this.#options = options;
    this.#path = join(options.dir, fileName);
    this.#own = own;
    this.#text = JSON.stringify({ ...own, takenMs: options.clock.now() });
  }

  /**
   * @throws FolderHeldError when a live process has it, or one elsewhere that was there less than {@link staleMs} ago;
   * what the file system throws
   */
  static async take(options: FolderLockOptions): Promise<FolderLock> {
    await makeFolder(options.dir);
    const lock = new FolderLock(options, ownIdentity());
    await lock.#take();
    return lock;
  }

  /** Says that it is there until `signal` aborts, and lets the folder go. Never rejects. */
  async hold(signal: AbortSignal): Promise<void> {
    const { clock, onLost } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(beatMs, signal).catch(() => undefined); // an abort is seen by the loop
      if (signal.aborted) break;
      const text = await this.#textOnDisk();
      if (text !== undefined && text !== this.#text) {
        onLost?.();
        return;
      }
      const now = new Date(clock.now());
      await utimes(this.#path, now, now).catch(() => undefined); // the next beat tries again
    }
    if ((await this.#textOnDisk()) === this.#text) await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async #take(): Promise<void> {
    // Written in full under another name first: whoever sees the lock sees who holds it.
    const temporary = `${this.#path}.${randomUUID()}`;
    await writeFile(temporary, this.#text, { mode: fileMode });
    try {
      if (await linked(temporary, this.#path)) return;
      await this.#alone(async () => {
        await this.#assertGone();
        await rm(this.#path, { force: true });
        if (!(await linked(temporary, this.#path))) throw this.#held('another process');
      });
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** One process at a time takes over a lock: two that find the same dead holder must not both remove its file. */
  async #alone(run: () => Promise<void>): Promise<void> {
    const path = `${this.#path}.takeover`;
    const began = await stat(path).catch(() => undefined);
    if (began && this.#options.clock.now() - began.mtimeMs > staleMs) await rm(path, { force: true });
    try {
      await (await open(path, 'wx', fileMode)).close();
    } catch (error) {
      throw isCode(error, 'EEXIST') ? this.#held('another process that is starting') : error;
    }
    try {
      await run();
    } finally {
      await rm(path, { force: true });
    }
  }

  async #assertGone(): Promise<void> {
    const holder = identityIn(await this.#textOnDisk());
    const liveness = holder ? livenessOf(holder, this.#own) : 'unknown';
    if (liveness === 'dead') return;
    const beat = await stat(this.#path).catch(() => undefined);
    if (!beat) return;
    if (liveness === 'alive') throw this.#held(`the process ${holder?.pid}`);
    const ageMs = Math.abs(this.#options.clock.now() - beat.mtimeMs);
    if (ageMs < staleMs) throw this.#held('a process on another machine or in another container');
  }

  #held(who: string): FolderHeldError {
    return new FolderHeldError(
      `${who} uses the folder ${this.#options.dir}; each daemon needs a folder of its own (the key data)`,
    );
  }

  /** @returns undefined when it is not there, or can't be read now */
  async #textOnDisk(): Promise<string | undefined> {
    try {
      const { size } = await stat(this.#path);
      return size > maxFileBytes ? '' : await readFile(this.#path, 'utf8');
    } catch {
      return undefined;
    }
  }
}

/** @returns false when `path` is there already */
async function linked(from: string, path: string): Promise<boolean> {
  try {
    await link(from, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    // Some file systems have no links; there, a reader may for a moment see a lock with nothing in it.
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].some((code) => isCode(error, code))) throw error;
  }
  try {
    await writeFile(path, await readFile(from), { mode: fileMode, flag: 'wx' });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function identityIn(text: string | undefined): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    if (!isRecord(value)) return undefined;
    const { pid, startedAt, space } = value;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    if (typeof startedAt !== 'string' || typeof space !== 'string') return undefined;
    return { pid, startedAt, space };
  } catch {
    return undefined; // no lock of ours: its age decides
  }
}
