import { open, stat } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import type { Clock } from '../../core/plugin/index.js';

export interface ReadOptions {
  readonly maxBytes: number;
  readonly settleMs: number;
  readonly clock: Clock;
}

/** How often a file that is being written is looked at before the reading counts as failed. */
const maxLooks = 50;

/**
 * What tells one content of a file from another without reading it: a rename changes the inode, a write the time or
 * size. A symlink is followed.
 * @throws the system's error when there is no such file; Error when it is something else than a file
 */
export async function fingerprint(path: string): Promise<string> {
  const stats = await stat(path, { bigint: true });
  // Opening a pipe would wait for a writer.
  if (!stats.isFile()) throw new Error('it is no regular file');
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/**
 * Reads a file as UTF-8 once it rests: a file in the middle of being written may be valid and lack half of what it
 * will say.
 * @returns the text with the fingerprint it was read at
 * @throws Error when it is larger than `maxBytes`, not UTF-8 or never rests; the system's error; the signal's reason
 */
export async function readSettled(path: string, options: ReadOptions, signal: AbortSignal) {
  let before = await fingerprint(path);
  for (let look = 0; look < maxLooks; look++) {
    await options.clock.sleep(options.settleMs, signal);
    const resting = await fingerprint(path);
    if (resting === before) {
      const text = await readBounded(path, options.maxBytes);
      const after = await fingerprint(path);
      if (after === resting) return { text, fingerprint: after };
      before = after;
    } else {
      before = resting;
    }
  }
  throw new Error('the file does not come to rest; it is written all the time');
}

async function readBounded(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const stats = await file.stat();
    if (stats.size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes (maxBytes)`);
    const buffer = Buffer.alloc(stats.size + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    if (length > stats.size) throw new Error('it grew while it was read');
    return decode(buffer.subarray(0, length));
  } finally {
    await file.close();
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not UTF-8');
  }
}
