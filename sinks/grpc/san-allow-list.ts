/** What stands in a certificate as a subject alternative name that can be allowed. */
export interface SubjectAltName {
  readonly kind: 'dns' | 'uri';
  readonly value: string;
}

const entry = /([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;
const kinds = new Map<string, SubjectAltName['kind']>([
  ['DNS', 'dns'],
  ['URI', 'uri'],
]);

/**
 * The DNS names and URIs of `subjectAltName` as Node writes it (`DNS:a.example, URI:"spiffe://a, b"`): what could be
 * taken for more than one entry is quoted there. A text that is not of that form has none, so that nothing is allowed
 * by mistake. https://nodejs.org/api/crypto.html#x509subjectaltname
 */
export function parseSubjectAltNames(text: string): SubjectAltName[] {
  const names: SubjectAltName[] = [];
  entry.lastIndex = 0;
  let end = 0;
  for (let match = entry.exec(text); match; match = entry.exec(text)) {
    end = entry.lastIndex;
    const [, kindText = '', raw = ''] = match;
    const kind = kinds.get(kindText);
    const value = raw.startsWith('"') ? unquoted(raw) : raw;
    if (kind !== undefined && value !== undefined) names.push({ kind, value });
    if (end >= text.length) break;
  }
  return end === text.length ? names : [];
}

function unquoted(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a certificate's names have one that a pattern allows: a DNS name or a URI as it is, `*.SUFFIX` for the DNS
 * names below a suffix, `URI/*` for the URIs below a path.
 */
export function isAllowedSan(names: readonly SubjectAltName[], patterns: readonly string[]): boolean {
  return names.some((name) => patterns.some((pattern) => matches(name, pattern)));
}

function matches({ kind, value }: SubjectAltName, pattern: string): boolean {
  if ((kind === 'uri') !== pattern.includes('://')) return false;
  if (kind === 'uri') {
    return pattern.endsWith('/*') ? value.startsWith(pattern.slice(0, -1)) && isPlainPath(value) : value === pattern;
  }
  const name = value.toLowerCase();
  const wanted = pattern.toLowerCase();
  if (!wanted.startsWith('*.')) return name === wanted;
  // A name that is a pattern itself is none of the names that it stands for.
  return name.endsWith(wanted.slice(1)) && name.length > wanted.length - 1 && !name.includes('*');
}

/** No `..` that would lead out of the path that is allowed. */
function isPlainPath(uri: string): boolean {
  return !uri.split('/').includes('..');
}

/** Whether a text can be a pattern: a DNS name, `*.` before one, or a URI, perhaps with `/*` at its end. */
export function isSanPattern(text: string): boolean {
  if (text.includes('://')) return /^[a-z][a-z0-9+.-]*:\/\/[^\s*]+(?:\/\*)?$/i.test(text);
  return /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/i.test(text);
}
