import { decodeText } from './dubbo-url.js';
import { isSensitive } from './parameters.js';

const maxRecord = 200;
/** Enough of a long name to fill the record after decoding. */
const maxLooked = 2000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a log line
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

// Separators also where they are still encoded, once or more: what is rejected is often just that. Up to the last @ of
// each authority, for a password may have one.
const userInfo = /:\/\/[^/?]*(?:@|%(?:25)*40)/g;
const encodedUserInfo =
  /(%(?<deep>(?:25)*)3A%\k<deep>2F%\k<deep>2F)(?:(?!%\k<deep>2F|%\k<deep>3F)[^/?])*(?:@|%(?:25)*40)/gi;
const keyAndValue = /([A-Za-z0-9._-]+)(=|%(?:25)*3D)((?:(?!&|%(?:25)*26)[\s\S])*)/gi;

/** The name of a znode as it may be shown: decoded, without credentials, with control characters escaped, shortened. */
export function rejectedUrl(childName: string): string {
  const looked = childName.slice(0, maxLooked);
  // A cut can fall into an escape; then the text is shown as it stands.
  const text = decodeText(looked.replace(/%[0-9A-Fa-f]?$/, '')) ?? looked;
  const masked = text
    .replace(userInfo, '://***@')
    .replace(encodedUserInfo, '$1***@')
    .replace(keyAndValue, (pair, key: string, equals: string) => (isSensitive(key) ? `${key}${equals}***` : pair));
  const escaped = masked.replace(unprintable, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return escaped.length <= maxRecord ? escaped : `${escaped.slice(0, maxRecord - 1)}…`;
}
