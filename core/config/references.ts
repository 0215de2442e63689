import { isRecord } from '../model/is-record.js';
import type { ConfigPath } from './config-error.js';
import { didYouMean } from './did-you-mean.js';
import type { SchemaProblem } from './issue-messages.js';

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/**
 * What names what is not there, and what is there twice. Looks at the raw values, so that one wrong key of a source
 * does not make everything that refers to the source wrong too.
 */
export function checkReferences(root: unknown): readonly SchemaProblem[] {
  if (!isRecord(root)) return [];
  const sources = list(root['sources']);
  const names = new Set(sources.flatMap((source) => nameOf(source, 'name') ?? []));
  return [
    ...duplicates('sources', sources, (source) => nameOf(source, 'name')),
    ...duplicates('sinks', list(root['sinks']), (sink) => nameOf(sink, 'name') ?? nameOf(sink, 'kind')),
    ...namingReferences(list(root['naming']), names),
    ...mergeReferences(isRecord(root['merge']) ? list(root['merge']['rules']) : [], names),
  ];
}

function nameOf(entry: unknown, key: 'name' | 'kind'): string | undefined {
  const name = isRecord(entry) ? entry[key] : undefined;
  return typeof name === 'string' ? name : undefined;
}

function duplicates(
  section: 'sources' | 'sinks',
  entries: readonly unknown[],
  name: (entry: unknown) => string | undefined,
): SchemaProblem[] {
  const seen = new Map<string, number>();
  const problems: SchemaProblem[] = [];
  for (const [index, entry] of entries.entries()) {
    const own = name(entry);
    if (own === undefined) continue;
    const first = seen.get(own);
    if (first === undefined) {
      seen.set(own, index);
    } else {
      const path = [section, index, nameOf(entry, 'name') === undefined ? 'kind' : 'name'];
      problems.push({
        path,
        message: `${section}[${first}] has this name too; give each its own`,
        at: 'value',
      });
    }
  }
  return problems;
}

function namingReferences(rules: readonly unknown[], names: ReadonlySet<string>): SchemaProblem[] {
  return rules.flatMap((rule, index) =>
    isRecord(rule) ? unknownSource(['naming', index, 'source'], rule['source'], names) : [],
  );
}

function mergeReferences(rules: readonly unknown[], names: ReadonlySet<string>): SchemaProblem[] {
  return rules.flatMap((rule, index) => {
    const prefer = isRecord(rule) ? list(rule['prefer']) : [];
    return prefer.flatMap((name, place) => {
      const path = ['merge', 'rules', index, 'prefer', place];
      if (prefer.indexOf(name) < place) {
        return [{ path, message: 'the source is in this list already', at: 'value' as const }];
      }
      return unknownSource(path, name, names);
    });
  });
}

function unknownSource(path: ConfigPath, name: unknown, names: ReadonlySet<string>): SchemaProblem[] {
  if (typeof name !== 'string' || names.has(name)) return [];
  const meant = didYouMean(name, names);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  return [
    { path, message: `no source has this name${hint} (sources: ${[...names].slice(0, 20).join(', ')})`, at: 'value' },
  ];
}
