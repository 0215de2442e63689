import { dirname, isAbsolute, join } from 'node:path';
import { type ReadFile, whyUnreadable } from './read-file.js';

/** Where `${env:NAME}` and `${file:PATH}` are looked up. */
export interface PlaceholderSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadFile;
  /** The configuration file: a relative PATH is relative to its folder. */
  readonly configFile: string;
}

export interface PlaceholderProblem {
  readonly message: string;
  /** The placeholder as written, to find its place in the text. */
  readonly placeholder: string;
}

export interface Substitution {
  readonly text: string;
  /** What was put in: must never be shown. */
  readonly secrets: readonly string[];
  readonly problems: readonly PlaceholderProblem[];
}

const maxSecretBytes = 64 * 1024;
const placeholderPattern = /\$\$\{|\$\{([^}]*)\}?/g;
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Puts in the values of `${env:NAME}` and `${file:PATH}`, wherever they stand in `text`; `$${` is a plain `${`. What is
 * put in is not looked through again, and a newline at the end of a file is dropped.
 */
export function substitute(text: string, sources: PlaceholderSources): Substitution {
  const secrets: string[] = [];
  const problems: PlaceholderProblem[] = [];
  const result = text.replaceAll(placeholderPattern, (placeholder: string, inner: string | undefined) => {
    if (inner === undefined) return '${';
    const found = resolve(placeholder, inner, sources);
    if ('message' in found) {
      problems.push({ message: found.message, placeholder });
      return '';
    }
    if (found.value !== '') secrets.push(found.value);
    return found.value;
  });
  return { text: result, secrets, problems };
}

function resolve(
  placeholder: string,
  inner: string,
  { env, readFile, configFile }: PlaceholderSources,
): { value: string } | { message: string } {
  const colon = inner.indexOf(':');
  const [scheme, rest] = [inner.slice(0, Math.max(0, colon)), inner.slice(colon + 1)];
  if (placeholder.endsWith('}') && scheme === 'env' && namePattern.test(rest)) {
    const value = Object.hasOwn(env, rest) ? env[rest] : undefined;
    return value === undefined ? { message: `environment variable ${rest} is not set` } : { value };
  }
  if (placeholder.endsWith('}') && scheme === 'file' && rest !== '') {
    const path = isAbsolute(rest) ? rest : join(dirname(configFile), rest);
    try {
      return { value: readFile(path, maxSecretBytes).replace(/\r?\n$/, '') };
    } catch (error) {
      return { message: `cannot read ${path}: ${whyUnreadable(error)}` };
    }
  }
  return { message: 'expected ${env:NAME} or ${file:PATH}; a plain ${ is written $${' };
}
