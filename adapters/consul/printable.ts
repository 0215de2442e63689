const maxLength = 200;
/** C1 controls, line separators and marks that turn the direction of text. */
const hidden = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text of a registry for a status or a log: one line, nothing hidden in it, at most 200 characters. */
export function printable(text: string): string {
  const escaped = JSON.stringify(text.slice(0, maxLength))
    .slice(1, -1)
    .replace(hidden, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return escaped.length > maxLength ? `${escaped.slice(0, maxLength - 1)}…` : escaped;
}
