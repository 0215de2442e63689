import type { CatalogService } from '../catalog/catalog.js';
import { Breather } from '../store/breather.js';
import { Interner } from '../store/interner.js';
import type { LogEnd } from '../store/log-format.js';
import { RecordError } from '../store/model-records.js';
import { readLog } from '../store/read-log.js';
import { type Chunk, decodeChunk } from './chunk.js';
import { applyDelta } from './delta.js';
import { type HistoryEntry, isChange, type MarkEntry } from './entry.js';
import { headOf, type LineHead, LineReader } from './lines.js';
import { maxSegmentBytes, type Segment, segmentKind } from './segments.js';

/** The history does not know what was asked: it begins later, was interrupted, or is damaged there. */
export class HistoryRangeError extends Error {
  override readonly name = 'HistoryRangeError';
}

/** Which hosts a reader wants. */
export type HostFilter = (host: string) => boolean;

/** Hashes of all hosts at a moment, and what else a restart has to know. */
export interface Versions {
  readonly versions: Map<string, string>;
  readonly end: LogEnd;
  /** Time of the last entry, or of the segment's start. */
  readonly lastMs: number;
  /** Hash of the configuration that was last started with. */
  readonly config: string;
  /** The last mark. */
  readonly mark: MarkEntry | undefined;
}

/** Where a list of entries goes on: after this line of this record of this segment. */
export interface EntryPosition {
  readonly segment: number;
  readonly record: number;
  readonly line: number;
}

/** Reads segments; holds one file and what is asked of it in memory. */
export class HistoryReader {
  readonly #segments: () => readonly Segment[];

  constructor(segments: () => readonly Segment[]) {
    this.#segments = segments;
  }

  /**
   * The wanted hosts as they were at a time.
   * @throws HistoryRangeError, what the file system throws, the signal's reason
   */
  async statesAt(atMs: number, wants: HostFilter, signal: AbortSignal): Promise<Map<string, CatalogService>> {
    const states = new Map<string, CatalogService>();
    const lines = new LineReader(new Interner());
    await this.#replay(this.#segmentAt(atMs), atMs, signal, {
      state: (head, line) => {
        if (wants(head.host)) states.set(head.host, lines.state(line));
      },
      change: (head, line) => {
        if (!wants(head.host)) return;
        const entry = lines.entry(line);
        if (!isChange(entry)) throw new RecordError('a mark has a host');
        const state = applyDelta(head.host, states.get(head.host), entry);
        if (state) states.set(head.host, state);
        else states.delete(head.host);
      },
    });
    return states;
  }

  /** The hash of each host at a time. Throws as {@link statesAt} */
  async versionsAt(atMs: number, signal: AbortSignal): Promise<Versions> {
    return this.versionsIn(this.#segmentAt(atMs), atMs, signal);
  }

  /** The same of one segment. */
  async versionsIn(segment: Segment, atMs: number, signal: AbortSignal): Promise<Versions> {
    const versions = new Map<string, string>();
    const lines = new LineReader(new Interner());
    let { startMs: lastMs, config } = segment;
    let mark: MarkEntry | undefined;
    const end = await this.#replay(segment, atMs, signal, {
      state: ({ host, version }) => versions.set(host, version),
      change: ({ host, version, atMs }) => {
        if (version === '') versions.delete(host);
        else versions.set(host, version);
        lastMs = atMs;
      },
      mark: (entry) => {
        mark = entry;
        lastMs = entry.atMs;
        if (entry.kind === 'started') config = entry.config;
      },
      lines,
    });
    return { versions, end, lastMs, config, mark };
  }

  /** What happened from one time to another, both included, in order. Throws as {@link statesAt} */
  async *entries(
    fromMs: number,
    toMs: number,
    wants: HostFilter,
    signal: AbortSignal,
    after?: EntryPosition,
  ): AsyncGenerator<{ readonly entry: HistoryEntry; readonly position: EntryPosition }> {
    const lines = new LineReader(new Interner());
    const breather = new Breather();
    const segments = this.#segments();
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1];
      if (segment.startMs > toMs || (next && next.startMs < fromMs)) continue;
      if (after && segment.number < after.segment) continue;
      const from = after?.segment === segment.number ? after : undefined;
      const before = segments[index - 1];
      if (!from && before && before.number + 1 !== segment.number && segment.startMs >= fromMs) {
        const gap = { kind: 'gap', atMs: segment.startMs, dropped: 0 } as const;
        yield { entry: gap, position: { segment: segment.number, record: 0, line: 0 } };
      }
      let record = 0;
      const chunks = chunksOf(segment, signal);
      for (let step = await chunks.next(); !step.done; step = await chunks.next()) {
        record++;
        if (step.value.kind !== 'entries' || step.value.lastMs < fromMs || (from && record < from.record)) continue;
        if (step.value.firstMs > toMs) break;
        const all = await step.value.lines();
        for (const [line, text] of all.entries()) {
          if (from && record === from.record && line <= from.line) continue;
          const head = headOf(text);
          if (head.atMs < fromMs || head.atMs > toMs) continue;
          // Marks are for everybody: they say what can't be known of any host.
          if (head.host !== '' && !wants(head.host)) continue;
          yield { entry: lines.entry(text), position: { segment: segment.number, record, line } };
          if (breather.isDue) await breather.breathe(signal);
        }
      }
    }
  }

  /** @throws HistoryRangeError */
  #segmentAt(atMs: number): Segment {
    const segments = this.#segments();
    const segment = segments.findLast(({ startMs }) => startMs <= atMs);
    if (segment) return segment;
    const [first] = segments;
    if (!first) throw new HistoryRangeError('there is no history yet');
    throw new HistoryRangeError(`the history begins at ${new Date(first.startMs).toISOString()}`);
  }

  /** Takes a segment's states, then its changes to `atMs`; sees to it that they reach that far. */
  async #replay(segment: Segment, atMs: number, signal: AbortSignal, take: Take): Promise<LogEnd> {
    const breather = new Breather();
    let gap: MarkEntry | undefined;
    let isPast = false;
    const chunks = chunksOf(segment, signal);
    let step = await chunks.next();
    for (; !step.done; step = await chunks.next()) {
      const chunk = step.value;
      if (chunk.kind === 'start') continue;
      if (chunk.kind === 'entries' && chunk.firstMs > atMs) isPast = true;
      if (isPast) continue; // the rest is only looked at for how it ends
      for (const line of await chunk.lines()) {
        const head = headOf(line);
        isPast = head.atMs > atMs;
        if (isPast) break;
        if (chunk.kind === 'states') take.state(head, line);
        else if (head.host !== '') take.change(head, line);
        else {
          const mark = (take.lines ?? new LineReader(new Interner())).entry(line);
          if (isChange(mark)) throw new RecordError('a change has no host');
          if (mark.kind === 'gap') gap = mark;
          take.mark?.(mark);
        }
        if (breather.isDue) await breather.breathe(signal);
      }
    }
    if (gap) throw new HistoryRangeError(`changes were not recorded from ${new Date(gap.atMs).toISOString()} on`);
    if (!isPast) this.#assertReaches(segment, step.value);
    return step.value;
  }

  /** A segment that others follow has to be whole, and the next of them its successor: else something lacks. */
  #assertReaches(segment: Segment, end: LogEnd): void {
    const next = this.#segments().find(({ number }) => number > segment.number);
    if (end.kind === 'foreign' || end.kind === 'damaged' || (next && end.kind === 'torn')) {
      throw new HistoryRangeError('the history is damaged there');
    }
    if (next && next.number !== segment.number + 1) throw new HistoryRangeError('the history lacks a part there');
  }
}

interface Take {
  readonly state: (head: LineHead, line: string) => void;
  readonly change: (head: LineHead, line: string) => void;
  readonly mark?: (mark: MarkEntry) => void;
  readonly lines?: LineReader;
}

async function* chunksOf(segment: Segment, signal: AbortSignal): AsyncGenerator<Chunk, LogEnd> {
  const batches = readLog(segment.path, { kind: segmentKind, maxBytes: maxSegmentBytes, signal });
  let step: Awaited<ReturnType<typeof batches.next>>;
  try {
    step = await batches.next();
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw isGone ? new HistoryRangeError('that part of the history was removed: it is too old') : error;
  }
  for (; !step.done; step = await batches.next()) for (const payload of step.value) yield decodeChunk(payload);
  return step.value;
}
