import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** Reads a small text file; throws an Error that says why it can't be, with no word of its content. */
export type ReadFile = (path: string, maxBytes: number) => string;

/** Reads UTF-8, with or without a byte order mark, following links (Kubernetes mounts secrets as links). */
export const readTextFile: ReadFile = (path, maxBytes) => {
  // Opening one waits for somebody who writes, perhaps for ever; that of a shell's <(command) has one.
  if (!/^\/(?:dev|proc)\//.test(path) && statSync(path).isFIFO()) throw new Error('it is a pipe');
  const file = openSync(path, 'r');
  try {
    if (fstatSync(file).isDirectory()) throw new Error('it is a directory');
    // One byte more than allowed shows that there is more, also for a file whose size is not known beforehand.
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    while (length <= maxBytes) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    if (length > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    return decode(buffer.subarray(0, length));
  } finally {
    closeSync(file);
  }
};

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not UTF-8 text'); // the decoder's own error says less
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  ELOOP: 'its links go in a circle',
};

/** Why a file could not be read, in a few words. */
export function whyUnreadable(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code === undefined ? error.message : (reasons[code] ?? code);
}
