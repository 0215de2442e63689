import type { DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';

/** An escape within a JSON string; a pair of backslashes is matched first, so that it is never taken apart. */
const jsonEscape = /\\\\|\\u00[01][0-9a-f]|(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** Turns pino's JSON lines into text for people and hands them to `stream`. */
export function prettyStream(stream: DestinationStream, options: { readonly colorize: boolean }): DestinationStream {
  const prettify = prettyFactory({
    colorize: options.colorize,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'site',
    singleLine: true,
    messageFormat: (entry, messageKey) =>
      String(entry[messageKey] ?? '').replaceAll(/[\r\n\t]/g, (character) => JSON.stringify(character).slice(1, -1)),
  });
  return { write: (line) => stream.write(prettify(line.replaceAll(jsonEscape, showEscape))) };
}

/** Escapes once more, so that a control character comes out as its escape and does nothing to a terminal. */
function showEscape(sequence: string): string {
  if (sequence === '\\\\') return sequence;
  if (sequence.startsWith('\\')) return `\\${sequence}`;
  return `\\\\u${sequence.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
