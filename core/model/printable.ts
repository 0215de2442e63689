const defaultMaxLength = 200;
/** C1 controls, DEL, zero-width characters, line separators and marks that turn the direction of text. */
const hidden = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;

/**
 * Text of a registry for a log, a status or an error: on one line, with nothing hidden in it, at most `maxLength`
 * characters. Control characters, quotes and backslashes are escaped as in JSON.
 */
export function printable(text: string, maxLength: number = defaultMaxLength): string {
  const escaped = JSON.stringify(text.slice(0, maxLength))
    .slice(1, -1)
    .replace(hidden, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return text.length > maxLength || escaped.length > maxLength ? `${escaped.slice(0, maxLength - 1)}…` : escaped;
}
