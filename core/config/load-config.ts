import type { z } from 'zod';
import { sinkBase, sourceBase, topSchema } from './base-schema.js';
import type { Config, SinkConfig, SourceConfig } from './config.js';
import { ConfigError, type ConfigPath, type ConfigProblem } from './config-error.js';
import { ConfigText } from './config-text.js';
import { parseWith, type SchemaProblem } from './issue-messages.js';
import { assertKinds, type ConfigPlugins, type ParsedEntry, parseEntry } from './kinds.js';
import { type ReadFile, readTextFile, whyUnreadable } from './read-file.js';
import { checkReferences } from './references.js';

/** What loading needs of the world; tests put their own in its place. */
export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadFile;
}

const maxConfigBytes = 1024 * 1024;
const maxProblems = 100;

/**
 * Reads and checks a configuration file.
 *
 * @throws {ConfigError} with everything that is wrong, each with path, line and column; also when there is no such file
 */
export function loadConfig(path: string, plugins: ConfigPlugins, options: Partial<LoadOptions> = {}): Config {
  const { env = process.env, readFile = readTextFile } = options;
  let text: string;
  try {
    text = readFile(path, maxConfigBytes);
  } catch (error) {
    throw new ConfigError([{ path: [], message: `cannot read the file: ${whyUnreadable(error)}` }], path);
  }
  return parseConfigText(text, path, plugins, { env, readFile });
}

/**
 * Checks the text of a configuration file; `fileName` stands in the errors, and file placeholders are relative to it.
 *
 * @throws {ConfigError} with everything that is wrong
 */
export function parseConfigText(
  text: string,
  fileName: string,
  plugins: ConfigPlugins,
  options: Partial<LoadOptions> = {},
): Config {
  assertKinds(plugins.sources, sourceBase);
  assertKinds(plugins.sinks, sinkBase);
  const { env = process.env, readFile = readTextFile } = options;
  const source = new ConfigText(text, { env, readFile, configFile: fileName });
  if (!source.isWellFormed) throw toError(source, [], fileName);
  if (source.value === undefined || source.value === null) {
    throw new ConfigError(
      [{ path: [], message: 'the file is empty', line: 1, column: 1 }, ...source.problems],
      fileName,
    );
  }
  const result = check(source.value, plugins);
  const problems = 'problems' in result ? result.problems : [];
  if (source.problems.length > 0 || problems.length > 0 || !('config' in result)) {
    throw toError(source, problems, fileName);
  }
  return result.config;
}

function check(root: unknown, plugins: ConfigPlugins): { config: Config } | { problems: readonly SchemaProblem[] } {
  const top = parseWith(topSchema, root, []);
  const sources = entriesOf(root, 'sources').map((raw, index) =>
    parseEntry(raw, ['sources', index], sourceBase, plugins.sources),
  );
  const sinks = entriesOf(root, 'sinks').map((raw, index) =>
    parseEntry(raw, ['sinks', index], sinkBase, plugins.sinks),
  );
  const problems = [
    ...[top, ...sources, ...sinks].flatMap((part) => ('problems' in part ? part.problems : [])),
    ...checkReferences(root),
  ];
  if (problems.length > 0 || 'problems' in top) return { problems };
  const { token, ...api } = top.output.api;
  return {
    config: {
      ...top.output,
      api: token === undefined ? api : { ...api, token },
      naming: top.output.naming.map(({ source, service, host, aliases }) => ({
        ...(source === undefined ? {} : { source }),
        ...(service === undefined ? {} : { service }),
        host,
        ...(aliases === undefined ? {} : { aliases }),
      })),
      sources: sources.flatMap((entry): SourceConfig[] => ('base' in entry ? [sourceConfig(entry)] : [])),
      sinks: sinks.flatMap((entry): SinkConfig[] =>
        'base' in entry
          ? [{ kind: entry.base.kind, name: entry.base.name ?? entry.base.kind, config: entry.config }]
          : [],
      ),
    },
  };
}

function sourceConfig({ base, config }: ParsedEntry<z.output<typeof sourceBase>>): SourceConfig {
  const { guards, ...rest } = base;
  return { ...rest, ...(guards === undefined ? {} : { guards }), config };
}

function entriesOf(root: unknown, section: 'sources' | 'sinks'): readonly unknown[] {
  const entries = typeof root === 'object' && root !== null ? (root as Record<string, unknown>)[section] : undefined;
  return Array.isArray(entries) ? entries : [];
}

function toError(source: ConfigText, schemaProblems: readonly SchemaProblem[], fileName: string): ConfigError {
  const problems: ConfigProblem[] = [...source.problems];
  for (const { path, message, at } of schemaProblems) {
    if (source.isUnresolved(path)) continue;
    problems.push({ path, message: withoutSecrets(message, path, source), ...source.place(path, at) });
  }
  problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  const shown = problems.slice(0, maxProblems);
  const more = problems.length - shown.length;
  if (more > 0) shown.push({ path: [], message: `and ${more} more problems` });
  return new ConfigError(shown, fileName);
}

/** A plug-in's message may quote the value it complains of, and that may have come from a placeholder. */
function withoutSecrets(message: string, path: ConfigPath, source: ConfigText): string {
  let clean = message;
  for (const secret of [...source.secrets].sort((a, b) => b.length - a.length)) {
    // A very short one would be found in most messages, so it is looked for only where it was put in.
    if (secret.length < 3 && !source.isSubstituted(path)) continue;
    clean = clean.replaceAll(secret, '[secret]');
  }
  return clean;
}
