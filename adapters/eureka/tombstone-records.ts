/** What is remembered of an instance that was told to be gone. */
export interface GoneInstance {
  readonly application: string;
  readonly id: string;
  /** `lastDirtyTimestamp` of the registration that ended. */
  readonly dirtyMs: number;
  /** When it ended, by the clock of the server that said so. */
  readonly endedMs: number;
  /** When we heard of it. */
  readonly toldMs: number;
}

/** On disk, so many stand in a text. */
const perText = 200;

/** As texts for a file: JSON lists of `[application, id, dirtyMs, endedMs, toldMs]`. */
export function* encodeGone(gone: readonly GoneInstance[]): Generator<string> {
  for (let start = 0; start < gone.length; start += perText) {
    const rows = gone.slice(start, start + perText);
    yield JSON.stringify(
      rows.map((instance) => [instance.application, instance.id, instance.dirtyMs, instance.endedMs, instance.toldMs]),
    );
  }
}

/** Takes any texts and never throws; what is none of {@link encodeGone} is left out. */
export function decodeGone(texts: readonly string[]): GoneInstance[] {
  return texts.flatMap((text) => {
    const rows = parse(text);
    return Array.isArray(rows) ? rows.flatMap(toGrave) : [];
  });
}

function toGrave(row: unknown): GoneInstance[] {
  if (!Array.isArray(row)) return [];
  const [application, id, dirtyMs, endedMs, toldMs] = row as unknown[];
  if (typeof application !== 'string' || typeof id !== 'string') return [];
  if (!isTime(dirtyMs) || !isTime(endedMs) || !isTime(toldMs)) return [];
  return [{ application, id, dirtyMs, endedMs, toldMs }];
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
