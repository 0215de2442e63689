/**
 * A Dubbo URL as it stands, percent-encoded as a whole, in the name of a znode:
 * `dubbo://10.0.0.1:20880/com.foo.Api?application=shop&version=1.0.0` (org.apache.dubbo.common.URL, URLStrParser).
 */
export interface DubboUrl {
  readonly protocol: string;
  /** As written: IPv6 with or without brackets. Never with the user info, which is dropped. */
  readonly host: string;
  /** As written, or '' when there is none. */
  readonly port: string;
  /** Without the leading slash. */
  readonly path: string;
  /** What follows the question mark, as written; see {@link splitQuery}. */
  readonly query: string;
  readonly encoding: Encoding;
}

/** How the separators are written in the text that is taken apart. */
export interface Encoding {
  readonly scheme: string;
  readonly slash: string;
  readonly query: string;
  readonly and: string;
  readonly equals: string;
  readonly at: string;
  readonly colon: string;
  readonly encoded: boolean;
}

const encoded: Encoding = {
  scheme: '%3A%2F%2F',
  slash: '%2F',
  query: '%3F',
  and: '%26',
  equals: '%3D',
  at: '%40',
  colon: '%3A',
  encoded: true,
};
const plain: Encoding = {
  scheme: '://',
  slash: '/',
  query: '?',
  and: '&',
  equals: '=',
  at: '@',
  colon: ':',
  encoded: false,
};

const unusualEncoding = /[?&=:/]|%(?:[0-9A-F][a-f]|[a-f])/;
const maxUrlLength = 65_536;
const maxParameters = 1024;

/**
 * Takes the name of a znode apart without decoding it as a whole: what repeats from provider to provider is then decoded
 * once (see ParameterReader). A name that is not encoded in the usual way (upper case, all separators) is decoded first.
 * @returns undefined for what is no URL
 */
export function parseDubboUrl(name: string): DubboUrl | undefined {
  if (name.length > maxUrlLength) return undefined;
  if (!unusualEncoding.test(name)) return split(name, encoded);
  const text = decodeText(name);
  return text === undefined ? undefined : split(text, plain);
}

function split(text: string, encoding: Encoding): DubboUrl | undefined {
  const schemeEnd = text.indexOf(encoding.scheme);
  if (schemeEnd <= 0) return undefined;
  const hostStart = schemeEnd + encoding.scheme.length;
  let queryStart = text.indexOf(encoding.query, hostStart);
  if (queryStart < 0) queryStart = text.length;
  let slash = text.indexOf(encoding.slash, hostStart);
  if (slash < 0 || slash > queryStart) slash = queryStart;
  const decode = encoding.encoded ? decodeText : (part: string) => part;
  const authority = splitAuthority(text.slice(hostStart, slash), encoding);
  const protocol = decode(text.slice(0, schemeEnd));
  const host = decode(authority.host);
  const port = decode(authority.port);
  const path = decode(text.slice(Math.min(slash + encoding.slash.length, queryStart), queryStart));
  if (protocol === undefined || host === undefined || port === undefined || path === undefined) return undefined;
  const query = text.slice(queryStart + encoding.query.length);
  return { protocol: protocol.toLowerCase(), host, port, path, query, encoding };
}

/** The parameters in their order, as written; {@link decodeParameter} makes key and value of each. */
export function splitQuery(query: string, { and }: Encoding): string[] {
  return query === '' ? [] : query.split(and, maxParameters);
}

/** The last colon parts host and port, also in IPv6 without brackets, as Dubbo itself reads it. */
function splitAuthority(authority: string, { at, colon }: Encoding): { host: string; port: string } {
  const user = authority.lastIndexOf(at);
  const address = user < 0 ? authority : authority.slice(user + at.length);
  const end = address.lastIndexOf(colon);
  if (end < 0 || address.endsWith(']') || address.endsWith('%5D')) return { host: address, port: '' };
  return { host: address.slice(0, end), port: address.slice(end + colon.length) };
}

/** Key and value of one parameter; undefined when it has no key or is not decodable. */
export function decodeParameter(parameter: string, encoding: Encoding): readonly [string, string] | undefined {
  const end = parameter.indexOf(encoding.equals);
  const rawKey = end < 0 ? parameter : parameter.slice(0, end);
  const rawValue = end < 0 ? '' : parameter.slice(end + encoding.equals.length);
  const key = encoding.encoded ? decodeText(rawKey) : rawKey;
  const value = encoding.encoded ? decodeText(rawValue) : rawValue;
  return key === undefined || key === '' || value === undefined ? undefined : [key, value];
}

/** Undoes java.net.URLEncoder, once: `+` is a space. undefined when it is malformed. */
export function decodeText(text: string): string | undefined {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return undefined; // URIError is the one thing it throws, and it says only that
  }
}
