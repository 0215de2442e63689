import type { StoredDependency } from './dependencies.js';

/** On disk, so many stand in a text. */
const perText = 500;

/** As texts for a file: JSON lists of `[application, host, vanishedMs or 0]`. Taken at once: a copy. */
export function encodeDependencies(dependencies: Iterable<StoredDependency>): string[] {
  const rows = [...dependencies].map(({ application, host, vanishedMs = 0 }) => [application, host, vanishedMs]);
  const texts: string[] = [];
  for (let start = 0; start < rows.length; start += perText)
    texts.push(JSON.stringify(rows.slice(start, start + perText)));
  return texts;
}

/** Takes any texts and never throws; what is none of {@link encodeDependencies} is left out. */
export function decodeDependencies(texts: readonly string[]): StoredDependency[] {
  return texts.flatMap((text) => {
    const rows = parse(text);
    return Array.isArray(rows) ? rows.flatMap(toDependency) : [];
  });
}

function toDependency(row: unknown): StoredDependency[] {
  if (!Array.isArray(row)) return [];
  const [application, host, vanishedMs] = row as unknown[];
  if (typeof application !== 'string' || application === '' || typeof host !== 'string' || host === '') return [];
  if (typeof vanishedMs !== 'number' || !Number.isFinite(vanishedMs) || vanishedMs < 0) return [];
  return [{ application, host, ...(vanishedMs === 0 ? {} : { vanishedMs }) }];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
