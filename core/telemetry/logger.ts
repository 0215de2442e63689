import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogConfig } from '../config/config.js';
import { prettyStream } from './pretty-stream.js';

export interface LoggerOptions extends LogConfig {
  /** Stands in every entry. */
  readonly site?: string;
  /** Instead of standard error. */
  readonly destination?: DestinationStream;
  /** Colours in the pretty format; off unless given. */
  readonly colorize?: boolean;
}

/** What waits to be written when nobody reads standard error; past it entries are dropped, not memory filled. */
const maxBufferedBytes = 4 * 1024 * 1024;

/** Longest text of an entry's own field: registries hold names of any length. */
const maxTextLength = 2048;
/** What JSON leaves as it is and a terminal or an editor does not show as text: DEL, C1 controls, marks of direction and width. */
const hidden = /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu;

/**
 * The daemon's log, on standard error so that standard output stays free for results: a JSON object a line, or, with
 * `pretty`, text for people. Entries never hold a secret's value (a `Secret` writes itself as `[secret]`), and what
 * registries put into them can't forge a line: control characters are escaped in both formats.
 */
export function createLogger({ level, format, site, destination: given, colorize = false }: LoggerOptions): Logger {
  const stream = given ?? standardError();
  return pino(
    {
      level,
      base: site === undefined ? null : { site },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: shortened },
      // The pretty stream escapes by itself, once more.
      ...(format === 'json' && { hooks: { streamWrite: (line: string) => line.replace(hidden, escaped) } }),
    },
    format === 'pretty' ? prettyStream(stream, { colorize }) : stream,
  );
}

function shortened(entry: Record<string, unknown>): Record<string, unknown> {
  const isLong = (value: unknown): value is string => typeof value === 'string' && value.length > maxTextLength;
  if (!Object.values(entry).some(isLong)) return entry;
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => [key, isLong(value) ? `${value.slice(0, maxTextLength)}…` : value]),
  );
}

function escaped(text: string): string {
  return Array.from({ length: text.length }, (_, index) => text.charCodeAt(index))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}

function standardError(): DestinationStream {
  const stream = destination({ dest: 2, sync: false, maxLength: maxBufferedBytes });
  // A log that can't be written, as on a full disk, must not end the daemon; and where would one tell? What waits is
  // tried again with the next entry, within the bound above.
  let isFailing = false;
  stream.on('error', () => {
    isFailing = true;
  });
  stream.on('write', () => {
    isFailing = false;
  });
  // pino flushes before the process ends, and again as long as that gave the event loop something to do: for ever.
  const flush = stream.flush.bind(stream);
  stream.flush = (done) => (isFailing ? done?.() : flush(done));
  const flushSync = stream.flushSync.bind(stream);
  stream.flushSync = () => (isFailing ? undefined : flushSync());
  return stream;
}
