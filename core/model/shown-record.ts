import { hasCredential, isCredentialKey, secretMark } from './credentials.js';
import { isRecord } from './is-record.js';
import { escapeHidden } from './printable.js';

const maxLength = 4096;
const maxDepth = 8;
const maxEntries = 1000;

/**
 * A registry's record as JSON for people: on one line, with nothing hidden in it, each credential replaced by
 * {@link secretMark}, at most 4 KiB. Takes any JSON value and never throws.
 * @param isSecret what else must not be shown, beside what {@link isCredentialKey} and {@link hasCredential} know
 */
export function shownRecord(value: unknown, isSecret: (key: string, value: unknown) => boolean = () => false): string {
  const text = escapeHidden(JSON.stringify(withoutSecrets('', value, 0, isSecret)) ?? '');
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

/** A copy without secrets; what is nested deeper, or longer, than any record that means something is left out. */
function withoutSecrets(
  key: string,
  value: unknown,
  depth: number,
  isSecret: (key: string, value: unknown) => boolean,
): unknown {
  if (isEmpty(value)) return value;
  if (isCredentialKey(key) || isSecret(key, value)) return secretMark;
  if (typeof value === 'string') return hasCredential(value) ? secretMark : value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value))
    return value.slice(0, maxEntries).map((item) => withoutSecrets('', item, depth + 1, isSecret));
  const entries = Object.entries(value).slice(0, maxEntries);
  return Object.fromEntries(entries.map(([name, item]) => [name, withoutSecrets(name, item, depth + 1, isSecret)]));
}

/** That there is no secret is none. */
function isEmpty(value: unknown): boolean {
  return value === '' || value === null || (isRecord(value) && Object.keys(value).length === 0);
}
