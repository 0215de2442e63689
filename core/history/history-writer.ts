import { rm } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Catalog, CatalogService } from '../catalog/catalog.js';
import type { HostChange } from '../catalog/change-cause.js';
import { setAside } from '../store/folder.js';
import { RecordError } from '../store/model-records.js';
import { WriteLoop, type WriteState } from '../store/write-loop.js';
import type { Clock } from '../time/index.js';
import { deltaOf } from './delta.js';
import type { HistoryEntry } from './entry.js';
import { HistoryRangeError, HistoryReader, type Versions } from './history-reader.js';
import { changesOverRestart } from './restart.js';
import { CheckpointTooLargeError, SegmentWriter } from './segment-writer.js';
import { findSegments, type Segment, segmentNumber } from './segments.js';

export interface HistoryOptions {
  /** Made when it is not there. A folder of its own; one process at a time (see `FolderLock`). */
  readonly dir: string;
  /** Of all files together. Default 256 MiB. */
  readonly maxBytes?: number;
  /** What is older is removed, file by file. Default 7 days. */
  readonly maxAgeMs?: number;
  /** Of Isthmus. */
  readonly version: string;
  /** Hash of the configuration: whether what differs after a restart may come of it. */
  readonly configHash: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long changes are gathered before they are written. Default 1000. */
  readonly commitMs?: number;
  /** How long after the catalog is ready the first comparison and write wait, so that readers come first. Default 2000. */
  readonly settleMs?: number;
  /** Changes that wait to be written at most; past it they are dropped, and a gap is recorded. Default 50000. */
  readonly maxQueued?: number;
}

export interface HistoryStatus {
  readonly write: WriteState | { readonly state: 'too large' };
  /** Of all files. */
  readonly bytes: number;
  /** Time of the oldest state that is known; undefined before there is any. */
  readonly oldestMs: number | undefined;
  /** Entries written since the start. */
  readonly written: number;
  /** Changes that were not recorded, since the start. */
  readonly dropped: number;
}

/** What waits to be written; a change becomes an entry only when it is. */
type Queued = HistoryEntry | { readonly kind: 'queued'; readonly atMs: number; readonly change: HostChange };

const defaultMaxBytes = 256 * 1024 * 1024;
const defaultMaxAgeMs = 7 * 86_400_000;
const defaultMaxQueued = 50_000;
const defaultSettleMs = 2000;
/** How long the first comparison may take once the daemon is told to stop. */
const beginMs = 2000;
/** How long it takes until a catalog that was too large is looked at again. */
const tooLargeRetryMs = 600_000;

/** Writes what changes to the last of the segments, begins new ones, and removes old ones. */
export class HistoryWriter {
  readonly #options: HistoryOptions;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #loop: WriteLoop;
  readonly #reader: HistoryReader;
  #catalog: Catalog | undefined;
  #segments: readonly Segment[] = [];
  #writer: SegmentWriter | undefined;
  #nextNumber = 1;
  #isFound = false;
  /** Whether changes are recorded: from when the catalog is ready, which is when somebody sees it. */
  #isRecording = false;
  #queue: Queued[] = [];
  /** Since when changes are dropped, and how many: until a new segment begins with all there is. */
  #gap: { readonly atMs: number; dropped: number } | undefined;
  #needsSegment = false;
  /** What the first file begins with, when there is none to go on with. */
  #first: { readonly services: ReadonlyMap<string, CatalogService>; readonly atMs: number } | undefined;
  #tooLargeUntilMs: number | undefined;
  #lastMs = 0;
  #written = 0;
  #dropped = 0;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? defaultMaxBytes;
    this.#maxAgeMs = options.maxAgeMs ?? defaultMaxAgeMs;
    this.#reader = new HistoryReader(() => this.#segments);
    this.#loop = new WriteLoop({
      what: "the history's files",
      hasWork: () => this.#hasWork(),
      write: () => this.#write(),
      clock: options.clock,
      logger: options.logger,
      commitMs: options.commitMs ?? 1000,
    });
  }

  /** In order of time. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Takes what changed. Synchronous, and only notes it. */
  record(changes: readonly HostChange[]): void {
    if (!this.#isRecording) return;
    const { maxQueued = defaultMaxQueued } = this.#options;
    const atMs = this.#now();
    const isFull = this.#queue.length + changes.length > maxQueued;
    if (this.#gap || isFull || this.#tooLargeUntilMs !== undefined) this.#drop(atMs, changes.length);
    else for (const change of changes) this.#queue.push({ kind: 'queued', atMs, change });
    this.#loop.wake();
  }

  /** Resolves when what there is now is on disk. @throws what the file system throws */
  async flush(): Promise<void> {
    if (this.#isRecording) await this.#loop.flush();
  }

  status(): HistoryStatus {
    return {
      write: this.#tooLargeUntilMs === undefined ? this.#loop.state : { state: 'too large' },
      bytes: this.#segments.reduce((sum, { bytes }) => sum + bytes, 0),
      oldestMs: this.#segments[0]?.startMs,
      written: this.#written,
      dropped: this.#dropped,
    };
  }

  /** Records until `signal` aborts, then writes what is left. Never rejects. */
  async run(catalog: Catalog, signal: AbortSignal): Promise<void> {
    this.#catalog = catalog;
    try {
      await this.#comeUp(catalog, signal);
      const onAbort = () => void this.#queue.push({ kind: 'stopped', atMs: this.#now() });
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      await this.#loop.run(signal);
    } catch (error) {
      // Aborted before anybody saw the catalog: there is nothing to record.
      if (!signal.aborted) {
        this.#options.logger.error({ err: error }, 'the history is not recorded');
        this.#isRecording = false;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      }
    } finally {
      this.#isRecording = false;
      await this.#writer?.close().catch(() => undefined); // synced, or told of before
    }
  }

  /**
   * Goes on with what is there, from when the catalog is ready. What it takes, all hosts with their hashes and all
   * services, is let go of with it.
   * @throws the signal's reason when it aborts before the catalog is ready
   */
  async #comeUp(catalog: Catalog, signal: AbortSignal): Promise<void> {
    const resuming = this.#resume(signal);
    try {
      await catalog.ready(signal);
      const ready = { services: new Map(catalog.snapshot().services), atMs: this.#options.clock.now() };
      this.#isRecording = true;
      const { clock, settleMs = defaultSettleMs } = this.#options;
      await clock.sleep(settleMs, signal).catch(() => undefined); // an abort ends the wait
      // Who stops it that soon waits for the comparison, but not for long.
      await this.#begin(resuming, ready, signal.aborted ? AbortSignal.timeout(beginMs) : signal);
    } finally {
      await resuming; // until then it may open a file that is to be closed
    }
  }

  /** Never goes back, so that entries are in the order of their times. */
  #now(): number {
    this.#lastMs = Math.max(this.#lastMs, Math.trunc(this.#options.clock.now()));
    return this.#lastMs;
  }

  #drop(atMs: number, changes: number): void {
    this.#gap ??= { atMs, dropped: 0 };
    this.#gap.dropped += changes;
    this.#dropped += changes;
    this.#needsSegment = true;
  }

  /** Finds what is there. @throws what the file system throws */
  async #find(): Promise<void> {
    const { dir, logger, clock } = this.#options;
    this.#segments = await findSegments(dir, async (path, reason) => {
      const movedTo = await setAside(path, clock.now());
      // The number stays free: it says that something lacks there.
      this.#nextNumber = Math.max(this.#nextNumber, segmentNumber(path) + 1);
      logger.warn({ file: path, movedTo, reason }, 'the file is damaged or not ours; it was set aside');
    });
    const last = this.#segments.at(-1);
    this.#nextNumber = Math.max(this.#nextNumber, (last?.number ?? 0) + 1);
    this.#lastMs = Math.max(this.#lastMs, last?.startMs ?? 0);
    this.#isFound = true;
  }

  /** Goes on with the last segment. @returns what it comes to, if it can be gone on with */
  async #resume(signal: AbortSignal): Promise<Versions | undefined> {
    const { logger } = this.#options;
    try {
      await this.#find();
      const last = this.#segments.at(-1);
      if (!last) return undefined;
      const known = await this.#reader.versionsIn(last, Number.MAX_SAFE_INTEGER, signal);
      this.#lastMs = Math.max(this.#lastMs, known.lastMs);
      // After a file that was set aside, what stands here is not what was last.
      if (known.end.kind === 'foreign' || this.#nextNumber !== last.number + 1) return undefined;
      if (known.end.kind === 'torn') {
        logger.warn({ file: last.path, lostBytes: known.end.lostBytes }, 'the last write was cut off; it is left out');
      }
      this.#writer = await SegmentWriter.resume(last, known.end.position);
      this.#segments = [...this.#segments.slice(0, -1), this.#writer.segment];
      return known;
    } catch (error) {
      if (signal.aborted) return undefined;
      const isGap = error instanceof HistoryRangeError || error instanceof RecordError;
      logger.warn({ err: error }, isGap ? 'the history has a gap' : 'the history can not be read');
      return undefined;
    }
  }

  /** What the catalog was when it was ready is compared with what was known before. */
  async #begin(
    resuming: Promise<Versions | undefined>,
    { services, atMs: readyMs }: { readonly services: ReadonlyMap<string, CatalogService>; readonly atMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    const known = await resuming;
    const { version, configHash, logger } = this.#options;
    // Before what was queued meanwhile, and after what was written before.
    const atMs = Math.max(Math.trunc(readyMs), known?.lastMs ?? 0);
    const configChanged = known !== undefined && known.config !== configHash;
    const first: HistoryEntry[] = [{ kind: 'started', atMs, version, config: configHash, configChanged }];
    this.#needsSegment = known === undefined || this.#gap !== undefined;
    if (!known) {
      this.#first = { services, atMs };
    } else {
      try {
        const cause = { kind: configChanged ? 'config' : 'restart' } as const;
        first.push(...(await changesOverRestart(this.#reader, known, services, cause, atMs, signal)));
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'what changed over the restart can not be told');
        this.#drop(atMs, 0);
      }
    }
    const later = this.#queue.map((item) => (item.atMs < atMs ? { ...item, atMs } : item));
    this.#queue = [...first, ...later];
  }

  #hasWork(): boolean {
    if (this.#tooLargeUntilMs !== undefined && this.#now() < this.#tooLargeUntilMs) return false;
    return this.#queue.length > 0 || this.#needsSegment;
  }

  async #write(): Promise<void> {
    // Before that, a new file might take the name of an old one.
    if (!this.#isFound) await this.#find();
    if (this.#isSegmentDue()) {
      await this.#beginSegment();
    } else if (this.#writer) {
      await this.#writeTo(this.#writer, this.#takeQueue());
    }
    await this.#prune();
  }

  #isSegmentDue(): boolean {
    const writer = this.#writer;
    if (this.#needsSegment || !writer) return true;
    if (writer.entryBytes > Math.max(writer.checkpointBytes, this.#maxBytes / 32)) return true;
    return writer.entryBytes > 0 && this.#now() - writer.segment.startMs > this.#maxAgeMs / 8;
  }

  #takeQueue(): Queued[] {
    const queue = this.#queue;
    this.#queue = [];
    return queue;
  }

  async #writeTo(writer: SegmentWriter, queue: readonly Queued[]): Promise<void> {
    if (queue.length === 0) return;
    try {
      await writer.write(entriesOf(queue));
      this.#written += queue.length;
    } catch (error) {
      if (await writer.recover(error)) {
        this.#queue = [...queue, ...this.#queue];
      } else {
        this.#lose(queue.length);
      }
      throw error;
    }
  }

  /** Whether what was to be written is on disk is not known. A number that is left out says so. */
  #lose(changes: number): void {
    this.#writer = undefined;
    this.#nextNumber++;
    this.#dropped += changes;
    this.#needsSegment = true;
  }

  /** A file with all there is now. What waits to be written is of before, and goes to the old one. */
  async #beginSegment(): Promise<void> {
    // What changed since the daemon came up is told on top of how it came up, if nothing of it was dropped.
    const first = this.#writer || this.#gap ? undefined : this.#first;
    const now = this.#catalog?.snapshot().services ?? new Map<string, CatalogService>();
    const services = [...(first?.services ?? now).values()];
    const startMs = first?.atMs ?? this.#now();
    const queue = this.#takeQueue();
    if (this.#gap) queue.push({ kind: 'gap', ...this.#gap });
    this.#gap = undefined;
    const old = this.#writer;
    if (old) await this.#writeTo(old, queue);
    const { dir, configHash: config } = this.#options;
    let writer: SegmentWriter;
    try {
      writer = await SegmentWriter.create(dir, this.#nextNumber, { startMs, config }, services, this.#maxBytes / 4);
    } catch (error) {
      this.#needsSegment = true;
      if (!old) this.#queue = [...queue, ...this.#queue];
      if (error instanceof CheckpointTooLargeError) return this.#pause(error);
      throw error;
    }
    this.#nextNumber++;
    this.#segments = [...this.#segments, writer.segment];
    this.#writer = writer;
    this.#needsSegment = this.#gap !== undefined;
    this.#tooLargeUntilMs = undefined;
    this.#first = undefined;
    if (old) await old.close();
    else if (first) await this.#writeTo(writer, queue);
    // Of what waited, the new one has the outcome; what is left to tell is that the daemon came up.
    else
      await this.#writeTo(
        writer,
        queue.filter(({ kind }) => kind === 'started'),
      );
  }

  /** No history is kept while the catalog is too large for it. */
  async #pause(error: CheckpointTooLargeError): Promise<void> {
    if (this.#tooLargeUntilMs === undefined) {
      this.#options.logger.error(
        { err: error, maxBytes: this.#maxBytes },
        'the catalog is too large for a history within history.maxBytes; none is recorded',
      );
    }
    this.#tooLargeUntilMs = this.#now() + tooLargeRetryMs;
    this.#first = undefined; // with what is lost now, nothing can be told on top of it
    const old = this.#writer;
    this.#lose(this.#takeQueue().length);
    await old?.close();
  }

  async #prune(): Promise<void> {
    const tooOldMs = this.#now() - this.#maxAgeMs;
    for (let [first, second] = this.#segments; first && second; [first, second] = this.#segments) {
      const bytes = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
      if (bytes <= this.#maxBytes && second.startMs > tooOldMs) return;
      await rm(first.path, { force: true });
      this.#segments = this.#segments.slice(1);
    }
  }
}

function* entriesOf(queue: readonly Queued[]): Generator<HistoryEntry> {
  for (const item of queue) {
    if (item.kind !== 'queued') {
      yield item;
      continue;
    }
    const { host, before, after, source, service, cause } = item.change;
    yield { atMs: item.atMs, host, source, service, cause, ...deltaOf(before, after) };
  }
}
