import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Breather } from './breather.js';
import { type LogEnd, scanLog } from './log-format.js';

export interface ReadLogOptions {
  readonly kind: string;
  /** A larger file is taken for a foreign one. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Reads a log batch by batch, with other work in between.
 * @returns how it ended
 * @throws what the file system throws, as for a file that is not there; the signal's reason
 */
export async function* readLog(
  path: string,
  { kind, maxBytes, signal }: ReadLogOptions,
): AsyncGenerator<readonly Buffer[], LogEnd> {
  const bytes = await readWhole(path, maxBytes, signal);
  if (typeof bytes === 'string') return { kind: 'foreign', reason: bytes };
  const breather = new Breather();
  const scan = scanLog(bytes, kind);
  let batch: Buffer[] = [];
  for (let step = scan.next(); ; step = scan.next()) {
    if (step.done) return step.value;
    if (step.value.kind === 'record') {
      batch.push(step.value.payload);
    } else {
      yield batch;
      batch = [];
    }
    if (breather.isDue) await breather.breathe(signal);
  }
}

/** @returns the bytes, or why it can be no log */
async function readWhole(path: string, maxBytes: number, signal: AbortSignal): Promise<Buffer | string> {
  signal.throwIfAborted();
  // Without O_NONBLOCK, opening a pipe of this name would wait for its writer for ever.
  const { O_RDONLY, O_NONBLOCK = 0 } = constants;
  const handle = await open(path, O_RDONLY | O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) return 'it is no file';
    if (stat.size > maxBytes) return `it has ${stat.size} bytes, more than ${maxBytes}`;
    return await handle.readFile({ signal });
  } finally {
    await handle.close();
  }
}
