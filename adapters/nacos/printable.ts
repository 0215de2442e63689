const maxLength = 200;
/** Controls beyond ASCII, line separators, and marks that hide or turn text. */
const unseen = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text from a registry as it may stand in a log, an error or a status: one line, nothing hidden, 200 characters at most. */
export function printable(text: unknown): string {
  if (typeof text !== 'string') return '';
  const escaped = JSON.stringify(text.slice(0, maxLength))
    .slice(1, -1)
    .replace(unseen, (mark) => `\\u${(mark.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
  return escaped.length > maxLength || text.length > maxLength ? `${escaped.slice(0, maxLength - 1)}…` : escaped;
}
