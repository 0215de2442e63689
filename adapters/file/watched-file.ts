import { resolve } from 'node:path';
import type { Clock, Service } from '../../core/plugin/index.js';
import { convertDocument } from './convert.js';
import { parse } from './parse.js';
import { fingerprint, readSettled } from './read.js';

export interface WatchedFileOptions {
  readonly maxBytes: number;
  readonly settleMs: number;
  readonly clock: Clock;
}

/** One file with what it said when it was last valid. */
export class WatchedFile {
  /** As configured; names the file in status and errors. */
  readonly path: string;
  readonly #options: WatchedFileOptions;
  /** Of the content that `services` is of, or that was found bad. */
  #fingerprint: string | undefined;
  #services: readonly Service[] | undefined;
  #error: Error | undefined;

  constructor(path: string, options: WatchedFileOptions) {
    this.path = path;
    this.#options = options;
  }

  get absolutePath(): string {
    return resolve(this.path);
  }

  /** What the last good content said; undefined before there was any. */
  get services(): readonly Service[] | undefined {
    return this.#services;
  }

  /** Why the present content is not used; undefined when it is. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Reads the file again when it is another than before. @returns whether `services` or `error` changed */
  async refresh(signal: AbortSignal): Promise<boolean> {
    let seen: string | undefined;
    try {
      if ((await fingerprint(this.absolutePath)) === this.#fingerprint) return false;
      const { text, fingerprint: found } = await readSettled(this.absolutePath, this.#options, signal);
      seen = found;
      const format = /\.json$/i.test(this.path) ? 'json' : 'yaml';
      this.#services = convertDocument(await parse(text, format, signal));
      this.#error = undefined;
      this.#fingerprint = seen;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      const reason = new Error(`${this.path}: ${messageOf(error)}`);
      // What could not be read is tried again at each look; what was read and is bad waits for another content.
      this.#fingerprint = seen;
      const isNew = this.#error?.message !== reason.message;
      this.#error = reason;
      return isNew;
    }
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && error.code === 'ENOENT' ? 'there is no such file' : error.message;
}
