import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { fileMode, makeFolder, setAside, syncFolder } from '../store/folder.js';
import { AddressSet } from './address-set.js';
import type { QuarantineEntry } from './quarantine.js';

const maxFileBytes = 4 * 1024 * 1024;
export const maxOperatorEntries = 1000;

const entrySchema = z.strictObject({
  id: z.string().min(1).max(64),
  source: z.string().optional(),
  service: z.string().optional(),
  address: z
    .string()
    .optional()
    .refine((address) => address === undefined || isAddress(address)),
  labels: z.record(z.string(), z.string()).optional(),
  reason: z.string(),
  untilMs: z.number().optional(),
  sinceMs: z.number(),
  from: z.literal('operator'),
});
const fileSchema = z.strictObject({ version: z.literal(1), entries: z.array(entrySchema).max(maxOperatorEntries) });

/** Keeps the operators' quarantine entries over restarts, in one small file that is replaced as a whole. */
export class QuarantineFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws Error when there is a file that is none of ours; it is set aside, and the message says where */
  async read(): Promise<readonly QuarantineEntry[]> {
    let text: string;
    try {
      if ((await stat(this.#path)).size > maxFileBytes) throw await this.#damaged('it is too large');
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
    const parsed = fileSchema.safeParse(toJson(text));
    if (!parsed.success) throw await this.#damaged('it holds something else');
    return parsed.data.entries;
  }

  /** One after the other. @throws what the file system throws, Error when it is too much; the file is as it was then */
  write(entries: readonly QuarantineEntry[]): Promise<void> {
    const next = this.#writing.catch(() => undefined).then(() => this.#write(entries));
    this.#writing = next;
    return next;
  }

  async #write(entries: readonly QuarantineEntry[]): Promise<void> {
    const text = JSON.stringify({ version: 1, entries });
    // It would be taken for damaged when it is read.
    if (Buffer.byteLength(text) > maxFileBytes) throw new Error(`the entries are more than ${maxFileBytes} bytes`);
    await makeFolder(dirname(this.#path));
    const temporary = `${this.#path}.${randomUUID()}`;
    try {
      const handle = await open(temporary, 'wx', fileMode);
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.#path);
      await syncFolder(dirname(this.#path));
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async #damaged(why: string): Promise<Error> {
    const aside = await setAside(this.#path, Date.now());
    return new Error(`${this.#path} is no list of quarantined instances (${why}); it was moved to ${aside}`);
  }
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it
  }
}

function isAddress(address: string): boolean {
  try {
    new AddressSet([address]);
    return true;
  } catch {
    return false;
  }
}
