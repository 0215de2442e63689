import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../time/index.js';
import { Breather } from './breather.js';
import { makeFolder, setAside } from './folder.js';
import { LogFile } from './log-file.js';
import { readLog } from './read-log.js';
import { WriteLoop, type WriteState } from './write-loop.js';

export interface StateFileOptions {
  /** Its folder is made on demand; one process at a time. */
  readonly path: string;
  /** What the file is of, and its version, as `eureka-tombstones-1`: no spaces. */
  readonly kind: string;
  /** For the log: "what was told gone". */
  readonly what: string;
  /**
   * All there is, as not empty texts of at most 64 MiB. Taken over several turns of the event loop: it has to iterate
   * over a copy.
   */
  readonly snapshot: () => Iterable<string>;
  /** A larger file is taken for a foreign one. Default 16 MiB. */
  readonly maxBytes?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const defaultMaxBytes = 16 * 1024 * 1024;
/** A plug-in has a second to end. */
const stopMs = 700;

/**
 * Keeps a small state over restarts, in one checksummed file that is replaced as a whole: a reader finds what was written
 * last, or, after a crash, what was written before. Written in the background, all that changed meanwhile at once. That
 * it cannot be written is a status and a retry, and never fails towards the caller.
 */
export class StateFile {
  readonly #options: StateFileOptions;
  readonly #loop: WriteLoop;
  #hasChanged = false;

  constructor(options: StateFileOptions) {
    this.#options = options;
    this.#loop = new WriteLoop({
      ...{ what: `the files of ${options.what}`, clock: options.clock, logger: options.logger },
      ...{ commitMs: 0, stopMs, hasWork: () => this.#hasChanged, write: () => this.#write() },
    });
  }

  get state(): WriteState {
    return this.#loop.state;
  }

  /**
   * What was written last. What is torn, damaged or foreign is set aside with a warning, and is as if it were not there.
   * @throws the signal's reason, and nothing else
   */
  async load(signal: AbortSignal): Promise<readonly string[]> {
    const { path, kind, what, maxBytes = defaultMaxBytes, clock, logger } = this.#options;
    try {
      const texts: string[] = [];
      const batches = readLog(path, { kind, maxBytes, signal });
      let next = await batches.next();
      for (; !next.done; next = await batches.next()) for (const payload of next.value) texts.push(payload.toString());
      const end = next.value;
      // What was cut off after the header, before its one batch, is whole, too, as a log.
      if (end.kind === 'whole' && end.position.batches > 0) return texts;
      const reason = 'reason' in end ? end.reason : 'it was cut off';
      const movedTo = await setAside(path, clock.now());
      logger.warn({ file: path, movedTo, reason }, 'the file is damaged or not ours; it was set aside');
    } catch (error) {
      signal.throwIfAborted();
      const isNew = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isNew)
        logger.error({ err: error, file: path }, `${what} could not be read; it is as if nothing had been kept`);
    }
    return [];
  }

  /** There is something new to be written. Cheap. */
  changed(): void {
    this.#hasChanged = true;
    this.#loop.wake();
  }

  /** Writes what changes until `signal` aborts, then what is left, within a second. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #write(): Promise<void> {
    this.#hasChanged = false;
    try {
      await makeFolder(dirname(this.#options.path));
      await this.#replace();
    } catch (error) {
      this.#hasChanged = true;
      throw error;
    }
  }

  async #replace(): Promise<void> {
    const file = await LogFile.create(this.#options.path, this.#options.kind);
    try {
      const breather = new Breather();
      for (const text of this.#options.snapshot()) {
        await file.append(Buffer.from(text));
        if (breather.isDue) await breather.breathe();
      }
      await file.commit();
      await file.publish();
    } catch (error) {
      await file.discard();
      throw error;
    }
    await file.close();
  }
}
