import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { decodeFile, encodeFile, FileError } from './file-format.js';
import type { RegisteredService } from './model.js';

const fileName = 'registry.jsonl';
const previousName = 'registry.previous.jsonl';

export interface LoadResult {
  readonly services: readonly RegisteredService[];
  /** What was there and could not be read as it should; undefined when all is well. */
  readonly damage: Error | undefined;
}

/** The registry's file and the one before it. Written whole, beside the old one, and put in its place when it is on disk. */
export class RegistryFile {
  readonly #dir: string;
  readonly #maxBytes: number;
  readonly #logger: Logger;

  constructor(dir: string, maxBytes: number, logger: Logger) {
    this.#dir = dir;
    this.#maxBytes = maxBytes;
    this.#logger = logger;
  }

  /**
   * Reads the file, or the one before it when the file is damaged, which is set aside then.
   * @throws what the file system throws, but for a file that is not there; Error for one that is larger than allowed, or of a later version
   */
  async load(): Promise<LoadResult> {
    await mkdir(this.#dir, { recursive: true });
    let damage: Error | undefined;
    for (const name of [fileName, previousName]) {
      try {
        const services = await this.#read(name);
        if (services) return { services, damage };
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        damage ??= error;
        await this.#setAside(name, error);
      }
    }
    return { services: [], damage };
  }

  /** Resolves when the services are on disk. */
  async write(lines: readonly Buffer[]): Promise<void> {
    const path = join(this.#dir, fileName);
    const temporary = `${path}.new`;
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(Buffer.concat(encodeFile(lines)));
      await file.sync();
    } catch (error) {
      // On a full disk its part of the room is of use to others.
      await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
      throw error;
    } finally {
      await file.close();
    }
    await this.#keepPrevious(path);
    await rename(temporary, path);
    await syncDirectory(this.#dir);
  }

  async #read(name: string): Promise<RegisteredService[] | undefined> {
    const path = join(this.#dir, name);
    try {
      const { size } = await stat(path);
      // Whole, for all that is known: no reason to set it aside and begin empty.
      if (size > this.#maxBytes + 4096) {
        throw new Error(`${path} has ${size} bytes, more than the ${this.#maxBytes} allowed (maxFileBytes)`);
      }
      return decodeFile(await readFile(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #setAside(name: string, error: Error): Promise<void> {
    const path = join(this.#dir, name);
    const aside = `${path}.damaged`;
    await rename(path, aside);
    this.#logger.warn({ err: error, file: path, movedTo: aside }, 'the registry file is damaged; it was set aside');
  }

  /** A second name for the file that is about to be replaced: it is in its place at every moment. */
  async #keepPrevious(path: string): Promise<void> {
    const previous = join(this.#dir, previousName);
    try {
      await rm(`${previous}.new`, { force: true });
      await link(path, `${previous}.new`);
      await rename(`${previous}.new`, previous);
    } catch (error) {
      // The first write has none before it, and some file systems have no links: the copy is a comfort, no need.
      this.#logger.debug({ err: error }, 'the registry file before was not kept');
    }
  }
}

/** Makes the new name durable, where directories can be synced. */
async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
