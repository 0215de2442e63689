import { printable } from '../../core/plugin/index.js';
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
/** `key: value` of YAML and `"key": "value"` of JSON. */
const yamlOrJson = /([A-Za-z0-9._-]+)(\\*["']?\s*:\s*)(\\*"(?:[^"\\]|\\[^"])*\\*"|'[^']*'|[^\s,}\]]+)/g;

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
  return text
    .replace(userInfo, '://***@')
    .replace(encodedUserInfo, '$1***@')
    .replace(yamlOrJson, (all, key: string, colon: string) => (isSensitive(key) ? `${key}${colon}***` : all))
    .replace(keyAndValue, (pair, key: string, equals: string) => (isSensitive(key) ? `${key}${equals}***` : pair));
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
