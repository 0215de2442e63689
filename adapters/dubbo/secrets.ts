import { printable, secretMark } from '../../core/plugin/index.js';
import { decodeText } from './dubbo-url.js';

const sensitive =
  /passw|passwd|pwd|secret|token|credential|access.?key|api.?key|private.?key|(?:^|[._-]|26)user(?:name)?$/i;
/** The authority of a URL within the text, encoded once more or not. */
const authority = /(?::\/\/|%3A%2F%2F)([^/?#\s]*)/gi;
const lastAt = /^(.*)(?:@|%40)/i;
/** JSON or a query with one, as `dubbo.metadata-service.url-params` has them with basic authentication. */
const namedPassword = /(?:passw(?:or)?d|pwd|secret|token)\\*["']?\s*[:=]/i;

// Separators also where they are still encoded, once or more: what is rejected is often just that. Up to the last @ of
// each authority, for a password may have one.
const userInfo = /:\/\/[^/?]*(?:@|%(?:25)*40)/g;
const encodedUserInfo =
  /(%(?<deep>(?:25)*)3A%\k<deep>2F%\k<deep>2F)(?:(?!%\k<deep>2F|%\k<deep>3F)[^/?])*(?:@|%(?:25)*40)/gi;
const keyAndValue = /([A-Za-z0-9._-]+)(=|%(?:25)*3D)((?:(?!&|%(?:25)*26)[\s\S])*)/gi;
/** The key of `key: value` in YAML and of `"key": "value"` in JSON, which may be in a JSON string itself. */
const keyAndColon = /([A-Za-z0-9._-]+)\\*["']?\s*:\s*/g;
const openingQuote = /(\\*)(["'])/y;
const endOfJson = /[\s,}\]]|$/g;
/** A plain scalar of YAML can have spaces and commas. */
const endOfLine = /[\r\n]|$/g;

/** Whether the value of a parameter with this name must not be shown. */
export function isSensitive(key: string): boolean {
  return sensitive.test(key);
}

/** Whether a value has a password within, whatever its key: a URL with user info, JSON or a query that names one. */
export function hasCredentials(value: string): boolean {
  if (namedPassword.test(value)) return true;
  for (const [, text = ''] of value.matchAll(authority)) {
    const user = lastAt.exec(text)?.[1];
    if (user !== undefined && /:|%3A/i.test(user)) return true;
  }
  return false;
}

/** Text of a registry (a URL, a rule, JSON) without what looks like a credential. Bounded by the caller. */
export function redacted(text: string): string {
  return withoutValues(text)
    .replace(userInfo, `://${secretMark}@`)
    .replace(encodedUserInfo, `$1${secretMark}@`)
    .replace(keyAndValue, (pair, key: string, equals: string) =>
      isSensitive(key) ? `${key}${equals}${secretMark}` : pair,
    );
}

/** Takes the values out of YAML and JSON whose key is a credential's. */
function withoutValues(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (const { 0: whole, 1: key = '', index } of text.matchAll(keyAndColon)) {
    const start = index + whole.length;
    if (index < at || !isSensitive(key)) continue;
    const end = endOfValue(text, start, /["']/.test(whole) ? endOfJson : endOfLine);
    if (end === start) continue;
    parts.push(text.slice(at, start), secretMark);
    at = end;
  }
  return parts.join('') + text.slice(at);
}

/** Of the scalar that begins there; the end of the text for a quote that is never closed. */
function endOfValue(text: string, start: number, endOfPlain: RegExp): number {
  openingQuote.lastIndex = start;
  const opening = openingQuote.exec(text);
  if (opening === null) {
    endOfPlain.lastIndex = start;
    return endOfPlain.exec(text)?.index ?? text.length;
  }
  const [whole, { length: depth } = '', quote = ''] = opening;
  for (let end = text.indexOf(quote, start + whole.length); end >= 0; end = text.indexOf(quote, end + 1)) {
    // YAML writes an apostrophe within a value twice.
    if (quote === "'" && text[end + 1] === quote) {
      end++;
      continue;
    }
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    // A quote within the value has more backslashes, one that ends it behind a backslash has a whole round more.
    if (backslashes % (2 * (depth + 1)) === depth) return end + 1;
  }
  return text.length;
}

const maxRecord = 200;
/** Enough of a long name to fill the record after decoding. */
const maxLooked = 2000;

/** The name of a znode as it may be shown: decoded, without credentials, with control characters escaped, shortened. */
export function shownUrl(childName: string): string {
  const looked = childName.slice(0, maxLooked);
  // A cut can fall into an escape; then the text is shown as it stands.
  const text = decodeText(looked.replace(/%[0-9A-Fa-f]?$/, '')) ?? looked;
  return printable(redacted(text), maxRecord);
}
