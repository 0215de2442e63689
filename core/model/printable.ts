const defaultMaxLength = 200;
/** DEL, C1 controls, line separators, and marks that hide text or turn its direction. */
const hidden = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** JSON with what it leaves as it is and readers do not see written out. */
export function escapeHidden(json: string): string {
  return json.replace(hidden, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
}

/**
 * Text of a registry for a log, a status or an error: on one line, with nothing hidden in it, at most `maxLength`
 * characters. Control characters, quotes and backslashes are escaped as in JSON. What is no text is shown as nothing.
 */
export function printable(text: unknown, maxLength: number = defaultMaxLength): string {
  if (typeof text !== 'string') return '';
  const escaped = escapeHidden(JSON.stringify(text.slice(0, maxLength)).slice(1, -1));
  return text.length > maxLength || escaped.length > maxLength ? `${escaped.slice(0, maxLength - 1)}…` : escaped;
}
