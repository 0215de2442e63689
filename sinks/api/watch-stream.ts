import type { Writable } from 'node:stream';
import { toServiceResource, type WatchEvent } from '../../core/api/resources.js';
import type { Catalog, Change } from '../../core/catalog/catalog.js';
import { matchesFilter, type ServiceFilter } from './listing.js';

export interface WatchStreamOptions {
  readonly catalog: Catalog;
  readonly filter: ServiceFilter;
  /** How long it may be silent before a heartbeat goes out. */
  readonly heartbeatMs: number;
  /** How long a reader may take nothing before it is given up. */
  readonly stallMs: number;
}

/** Written at once: large enough for few calls, small enough that a slow reader holds up little memory. */
const chunkLength = 64 * 1024;

/**
 * Writes the catalog's changes to `output`, a JSON object a line, until `signal` aborts. Waits for the reader before it
 * asks for the next change, so a slow one skips revisions.
 *
 * @throws Error when the reader takes nothing for `stallMs`
 */
export async function streamChanges(output: Writable, options: WatchStreamOptions, signal: AbortSignal): Promise<void> {
  const changes = options.catalog.watch(signal)[Symbol.asyncIterator]();
  const writer = new LineWriter(output, options.stallMs, signal);
  /** Hosts told of, so that one that leaves the filter is told to be gone. */
  const told = new Set<string>();
  try {
    let next = changes.next();
    while (!signal.aborted) {
      const result = await within(next, options.heartbeatMs);
      if (result === 'late') {
        await writer.write({ type: 'heartbeat' });
        await writer.flush();
        continue;
      }
      if (result.done) return;
      await writeChange(writer, result.value, options.filter, told);
      next = changes.next();
    }
  } finally {
    // Not awaited: when a change is still waited for, this settles once the caller aborts the signal.
    void changes.return?.();
  }
}

async function writeChange(
  writer: LineWriter,
  change: Change,
  filter: ServiceFilter,
  told: Set<string>,
): Promise<void> {
  const { revision } = change;
  if (change.reset) {
    told.clear();
    await writer.write({ type: 'reset', revision });
  }
  for (const service of change.upserts) {
    if (matchesFilter(service, filter)) {
      told.add(service.host);
      await writer.write({ type: 'upsert', revision, service: toServiceResource(service) });
    } else if (told.delete(service.host)) {
      await writer.write({ type: 'remove', revision, host: service.host });
    }
  }
  for (const host of change.removes) {
    if (told.delete(host)) await writer.write({ type: 'remove', revision, host });
  }
  await writer.write({ type: 'sync', revision });
  await writer.flush();
}

class LineWriter {
  readonly #output: Writable;
  readonly #stallMs: number;
  readonly #signal: AbortSignal;
  #pending = '';

  constructor(output: Writable, stallMs: number, signal: AbortSignal) {
    this.#output = output;
    this.#stallMs = stallMs;
    this.#signal = signal;
  }

  async write(event: WatchEvent): Promise<void> {
    this.#pending += `${JSON.stringify(event)}\n`;
    if (this.#pending.length >= chunkLength) await this.flush();
  }

  async flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    if (this.#signal.aborted || text === '' || this.#output.write(text)) return;
    await this.#drained();
  }

  /** Settles when the reader took what waits, is gone, or is no longer wanted. */
  #drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#output.off('drain', settle);
        this.#output.off('close', settle);
        this.#signal.removeEventListener('abort', settle);
        resolve();
      };
      const timer = setTimeout(() => {
        reject(new Error(`the reader took nothing for ${this.#stallMs} ms`));
        settle();
      }, this.#stallMs);
      this.#output.on('drain', settle);
      this.#output.on('close', settle);
      this.#signal.addEventListener('abort', settle);
    });
  }
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, ms, 'late');
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
