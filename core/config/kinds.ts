import type { z } from 'zod';
import type { ConfigPath } from './config-error.js';
import { didYouMean } from './did-you-mean.js';
import { expectedOneOf, parseWith, type SchemaProblem } from './issue-messages.js';

/** What the loader needs of an adapter or a sink; every `Plugin` is one. */
export interface KindSchema {
  readonly kind: string;
  /** Strict object of the kind's own keys. */
  readonly schema: z.ZodObject;
  /** Of a source: the naming template for services that no rule names. */
  readonly defaultHost?: string;
  /** Of a sink that istiod reads: the `configSources` of the mesh's configuration by which it does, of a checked config. */
  readonly configSources?: ConfigSourcesOf;
}

export type ConfigSourcesOf = (config: Readonly<Record<string, unknown>>, dialled: Dialled) => readonly ConfigSource[];

/** How istiod reaches this daemon. */
export interface Dialled {
  /** DNS name or address, as `isthmus.istio-system.svc`. */
  readonly host: string;
  /** In place of the one that is listened on, where something between translates it. */
  readonly port?: number;
  /** Parts that are told apart by name: `part.HOST`, or `FIRST-part.REST`. Default below. */
  readonly names?: 'below' | 'beside';
  /** PEM of the authorities that signed the daemon's certificate. */
  readonly ca?: string;
}

/** An entry of `meshConfig.configSources`. */
export interface ConfigSource {
  readonly address: string;
  readonly tlsSettings?: { readonly mode: 'SIMPLE'; readonly sni?: string; readonly caCertificates?: string };
}

/** The kinds that a configuration may name. */
export interface ConfigPlugins {
  readonly sources: readonly KindSchema[];
  readonly sinks: readonly KindSchema[];
}

/** An entry of `sources` or `sinks`: the keys all have, and the output of its kind's schema. */
export interface ParsedEntry<Base> {
  readonly base: Base;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Checks that no two kinds are one and that no kind takes a key that all have; throws an Error, for it is a bug. */
export function assertKinds(kinds: readonly KindSchema[], base: z.ZodObject): void {
  const seen = new Set<string>();
  for (const { kind, schema } of kinds) {
    if (seen.has(kind)) throw new Error(`two plug-ins of kind ${kind}`);
    seen.add(kind);
    for (const key of Object.keys(base.shape)) {
      if (key in schema.shape) throw new Error(`the plug-in ${kind} may not define the key ${key}`);
    }
  }
}

/** Checks one entry against the keys that all have and those of its kind, and gathers what is wrong with either. */
export function parseEntry<Base extends z.ZodObject>(
  raw: unknown,
  path: ConfigPath,
  base: Base,
  kinds: readonly KindSchema[],
): ParsedEntry<z.output<Base>> | { readonly problems: readonly SchemaProblem[] } {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return { problems: [{ path, message: 'expected a mapping', at: 'value' }] };
  }
  const baseKeys = Object.keys(base.shape);
  const isBase = ([key]: [string, unknown]) => Object.hasOwn(base.shape, key);
  const entries = Object.entries(raw);
  const common = parseWith(base, withoutPrototype(entries.filter(isBase)), path);
  const problems = 'problems' in common ? [...common.problems] : [];
  const kind = 'kind' in raw ? raw.kind : undefined;
  const known = kinds.find((candidate) => candidate.kind === kind);
  if (!known) {
    if (typeof kind === 'string') problems.push(unknownKind(kind, kinds, path));
    else if (kind === undefined) narrowMissingKind(problems, kinds, path);
    return { problems };
  }
  const own = parseWith(known.schema.strict(), withoutPrototype(entries.filter((e) => !isBase(e))), path, baseKeys);
  if ('problems' in own) problems.push(...own.problems);
  if ('problems' in common || 'problems' in own) return { problems };
  return { base: common.output, config: own.output };
}

function withoutPrototype(entries: readonly [string, unknown][]): Record<string, unknown> {
  return Object.assign(Object.create(null) as Record<string, unknown>, Object.fromEntries(entries));
}

function unknownKind(kind: string, kinds: readonly KindSchema[], path: ConfigPath): SchemaProblem {
  const names = kinds.map((known) => known.kind);
  const meant = didYouMean(kind, names);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  return { path: [...path, 'kind'], message: `unknown kind${hint} (known: ${names.join(', ')})`, at: 'value' };
}

/** The general message, that a string is missing, gives way to one that lists the kinds. */
function narrowMissingKind(problems: SchemaProblem[], kinds: readonly KindSchema[], path: ConfigPath): void {
  const index = problems.findIndex(
    (problem) => problem.path.length === path.length + 1 && problem.path.at(-1) === 'kind',
  );
  const message = `missing; ${expectedOneOf(kinds.map(({ kind }) => kind))}`;
  problems.splice(index, index < 0 ? 0 : 1, { path: [...path, 'kind'], message, at: 'value' });
}
