import { access, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Service } from '../model/index.js';
import { Breather } from '../store/breather.js';
import { setAside } from '../store/folder.js';
import { Interner } from '../store/interner.js';
import type { LogEnd } from '../store/log-format.js';
import { RecordError } from '../store/model-records.js';
import { readLog } from '../store/read-log.js';
import { WriteLoop, type WriteState } from '../store/write-loop.js';
import type { Clock } from '../time/index.js';
import { markOf, SourceLog } from './source-log.js';
import { SourceReplay } from './source-records.js';
import type { StoredSource, StoredTrust, WarmStore } from './warm-store.js';

export interface DiskWarmStoreOptions {
  /** Made when it is not there. A folder of its own; one process at a time (see `FolderLock`). */
  readonly dir: string;
  /** What was last confirmed longer ago is not restored, and its file is removed. */
  readonly maxAgeMs: number;
  /** Of all files together. A catalog that needs more is not kept. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As of `WriteLoop`. Default 100. */
  readonly commitMs?: number;
}

export interface WarmStoreStatus {
  readonly write: WriteState | { readonly state: 'too large'; readonly bytes: number };
  /** Of all files. */
  readonly bytes: number;
  /** Failed writes since the start. */
  readonly failures: number;
}

const suffix = '.log';
/** The names of sources are DNS labels. */
const fileName = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\.log$/;
/** No larger file is read, whoever wrote it: it has to fit into memory. */
const maxReadBytes = 1024 * 1024 * 1024;

/**
 * Keeps a log a source under a folder. Changes are gathered by service, so memory is bounded by the catalog however slow
 * the disk is, and are written together, some times a second, and synced once a second.
 */
export class DiskWarmStore implements WarmStore {
  readonly #options: DiskWarmStoreOptions;
  readonly #logs = new Map<string, SourceLog>();
  readonly #loop: WriteLoop;
  #tooLargeBytes: number | undefined;
  #isRunning = false;

  constructor(options: DiskWarmStoreOptions) {
    this.#options = options;
    const { clock, logger, commitMs } = options;
    this.#loop = new WriteLoop({
      what: "the warm start's files",
      hasWork: () => this.#hasWork(),
      write: () => this.#write(),
      sync: () => forEach(this.#logs.values(), (log) => log.sync()),
      clock,
      logger,
      ...(commitMs === undefined ? {} : { commitMs }),
    });
  }

  /** @throws the signal's reason, and nothing else: what can't be read is logged, and is as if it were not there */
  async load(signal: AbortSignal, sources: ReadonlySet<string>): Promise<ReadonlyMap<string, StoredSource>> {
    const stored = new Map<string, StoredSource>();
    const interner = new Interner();
    for (const source of await this.#sourcesOnDisk()) {
      signal.throwIfAborted();
      try {
        if (!sources.has(source)) {
          await this.#passOver(source);
          continue;
        }
        const restored = await this.#restore(source, interner, signal);
        if (restored) stored.set(source, restored);
      } catch (error) {
        signal.throwIfAborted();
        this.#options.logger.error({ err: error, source }, 'what was kept of the source could not be read');
      }
    }
    return stored;
  }

  put(source: string, service: Service): void {
    const log = this.#log(source);
    log.put(service);
    this.#changed(log);
  }

  remove(source: string, name: string): void {
    const log = this.#log(source);
    log.remove(name);
    this.#changed(log);
  }

  trust(source: string, trust: StoredTrust): void {
    this.#log(source).setTrust(trust);
    this.#loop.wake();
  }

  /** Resolves when what there is now is on disk. @throws what the file system throws; Error when it is too large */
  flush(): Promise<void> {
    return this.#loop.flush();
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.#isRunning = true;
    await this.#loop.run(signal);
    this.#isRunning = false;
    for (const log of this.#logs.values()) if (log.hasWork) await log.behind();
    for (const log of this.#logs.values()) await log.close().catch(() => undefined); // synced, or told of before
  }

  status(): WarmStoreStatus {
    const bytes = [...this.#logs.values()].reduce((sum, log) => sum + log.fileBytes, 0);
    const tooLarge = this.#tooLargeBytes;
    return {
      write: tooLarge === undefined ? this.#loop.state : { state: 'too large', bytes: tooLarge },
      bytes,
      failures: this.#loop.failures,
    };
  }

  #changed(log: SourceLog): void {
    if (!this.#isRunning) void log.behind();
    this.#loop.wake();
  }

  #log(source: string): SourceLog {
    let log = this.#logs.get(source);
    if (!log) {
      log = new SourceLog(this.#path(source), kindOf(source));
      this.#logs.set(source, log);
    }
    return log;
  }

  #path(source: string): string {
    return join(this.#options.dir, `${source}${suffix}`);
  }

  #hasWork(): boolean {
    for (const log of this.#logs.values()) if (log.hasWork) return true;
    return false;
  }

  async #write(): Promise<void> {
    const logs = [...this.#logs.values()];
    const bytes = logs.reduce((sum, log) => sum + log.projectedBytes(), 0);
    // A log grows to twice what counts of it before it is written anew, beside the old one.
    if (3 * bytes > this.#options.maxBytes) return this.#suspend(logs, bytes);
    this.#tooLargeBytes = undefined;
    await forEach(logs, (log) => (log.hasWork ? log.write() : Promise.resolve()));
  }

  async #suspend(logs: readonly SourceLog[], bytes: number): Promise<void> {
    if (this.#tooLargeBytes === undefined) {
      const { maxBytes, logger } = this.#options;
      logger.error(
        { bytes, maxBytes, neededBytes: 3 * bytes },
        'the catalog is too large to be kept on disk within warmStart.maxBytes; what is there gets old',
      );
    }
    this.#tooLargeBytes = bytes;
    for (const log of logs) await log.suspend();
  }

  async #sourcesOnDisk(): Promise<readonly string[]> {
    const { dir, logger } = this.#options;
    try {
      const names = await readdir(dir);
      for (const name of names) {
        if (!name.endsWith(`${suffix}.new`)) continue;
        // Of a write that was cut off. It does no harm, and is replaced when its source writes.
        await rm(join(dir, name), { force: true }).catch(() => undefined);
      }
      return names.flatMap((name) => fileName.exec(name)?.[1] ?? []);
    } catch (error) {
      const isNew = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isNew) logger.error({ err: error, dir }, 'what was kept of the sources could not be read');
      return [];
    }
  }

  async #restore(source: string, interner: Interner, signal: AbortSignal): Promise<StoredSource | undefined> {
    const path = this.#path(source);
    const replay = new SourceReplay(interner);
    let end: LogEnd;
    const entries: { service: Service; bytes: number }[] = [];
    try {
      const batches = readLog(path, { kind: kindOf(source), maxBytes: maxReadBytes, signal });
      let next = await batches.next();
      for (; !next.done; next = await batches.next()) for (const payload of next.value) replay.take(payload);
      end = next.value;
      const breather = new Breather(20);
      for (const entry of replay.services()) {
        entries.push(entry);
        if (breather.isDue) await breather.breathe(signal);
      }
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      await this.#setAside(path, error.message);
      return undefined;
    }
    const { logger } = this.#options;
    if (end.kind === 'foreign' || end.kind === 'damaged') await this.#setAside(path, end.reason);
    if (end.kind === 'torn') {
      logger.warn({ file: path, lostBytes: end.lostBytes }, 'the last write of the file was cut off; it is left out');
    }
    if (end.kind === 'foreign') return undefined;
    const trust = this.#ageOf(replay.trust, source);
    if (!trust) {
      if (end.kind !== 'damaged') await rm(path, { force: true });
      return undefined;
    }
    const isOlder = end.kind === 'damaged' || !(await isThere(markOf(path)));
    if (isOlder) logger.warn({ source }, 'what was kept of the source may be older than what was published last');
    this.#log(source).restore(entries, trust, end.kind === 'damaged' ? undefined : end.position, isOlder);
    return { services: entries.map(({ service }) => service), trust, ...(isOlder ? { isOlder } : {}) };
  }

  /**
   * The file of a source that is not configured is kept for as long as it could be used: its name may be left out by
   * mistake. A source that is configured is told to be whole each half minute, so the file's own time is as good.
   */
  async #passOver(source: string): Promise<void> {
    const { clock, maxAgeMs, logger } = this.#options;
    const path = this.#path(source);
    const isTooOld = clock.now() - (await stat(path)).mtimeMs > maxAgeMs;
    if (isTooOld) for (const old of [path, markOf(path)]) await rm(old, { force: true });
    logger.info(
      { source, file: path },
      isTooOld
        ? 'what was kept of a source that is not configured is too old to be used; it was removed'
        : 'what was kept of a source that is not configured is not used',
    );
  }

  /** @returns undefined for what is too old, or was never said to be whole */
  #ageOf(trust: StoredTrust | undefined, source: string): StoredTrust | undefined {
    if (!trust) return undefined;
    const { clock, maxAgeMs, logger } = this.#options;
    // A clock that was ahead when it was written is no reason to believe it for longer.
    const confirmedMs = Math.min(trust.confirmedMs, clock.now());
    const ageMs = clock.now() - confirmedMs;
    if (ageMs <= maxAgeMs) return { ...trust, confirmedMs };
    logger.warn({ source, ageMs, maxAgeMs }, 'what was kept of the source is too old to be used');
    return undefined;
  }

  async #setAside(path: string, reason: string): Promise<void> {
    const { clock, logger } = this.#options;
    const movedTo = await setAside(path, clock.now());
    logger.warn({ file: path, movedTo, reason }, 'the file is damaged or not ours; it was set aside');
  }
}

/** One after the other; when one fails, the other sources have their own files. @throws the first error */
async function forEach(logs: Iterable<SourceLog>, act: (log: SourceLog) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const log of logs) await act(log).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function kindOf(source: string): string {
  return `catalog-1/${source}`;
}
