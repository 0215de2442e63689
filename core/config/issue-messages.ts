import type { z } from 'zod';
import { isRecord } from '../model/is-record.js';
import type { ConfigPath } from './config-error.js';
import { didYouMean } from './did-you-mean.js';

/** A schema's complaint in this project's words. */
export interface SchemaProblem {
  readonly path: ConfigPath;
  readonly message: string;
  /** Whether it is about the key itself rather than its value. */
  readonly at: 'key' | 'value';
}

/** Allowed keys of the mapping that an `unrecognized_keys` issue is about, by the identity of its list of keys. */
type AllowedKeys = WeakMap<readonly string[], readonly string[]>;

/** Parses `value`; gives either the output, or all problems in words that name what is allowed and never the value. */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  path: ConfigPath,
  /** Keys that belong to the same mapping, but that another schema looks after. */
  otherKeys: readonly string[] = [],
): { readonly output: z.output<Schema> } | { readonly problems: readonly SchemaProblem[] } {
  const allowed: AllowedKeys = new WeakMap();
  const result = schema.safeParse(value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') {
        allowed.set(issue.keys, shapeKeys(issue.inst));
        return undefined;
      }
      return describe(issue);
    },
  });
  if (result.success) return { output: result.data };
  return { problems: result.error.issues.flatMap((issue) => flatten(issue, path, { allowed, otherKeys, depth: 0 })) };
}

interface FlattenContext {
  readonly allowed: AllowedKeys;
  readonly otherKeys: readonly string[];
  readonly depth: number;
}

function flatten(issue: z.core.$ZodIssue, base: ConfigPath, context: FlattenContext): SchemaProblem[] {
  const path = [...base, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))];
  if (issue.code === 'unrecognized_keys') {
    const others = issue.path.length === 0 ? context.otherKeys : [];
    const candidates = [...others, ...(context.allowed.get(issue.keys) ?? [])];
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, candidates), at: 'key' }));
  }
  if (issue.code === 'invalid_union' && context.depth < 4) {
    const best = nearestBranch(issue.errors);
    if (best)
      return best.flatMap((inner) => flatten(inner, path, { ...context, otherKeys: [], depth: context.depth + 1 }));
    const expected = issue.errors.flatMap((branch) => branch.map(({ message }) => message.replace(/^expected /, '')));
    if (expected.length > 0)
      return [{ path, message: `expected ${[...new Set(expected)].join(', or ')}`, at: 'value' }];
  }
  return [{ path, message: issue.message, at: 'value' }];
}

/** The alternative that was probably meant: the one that is wrong further inside, not as a whole. */
function nearestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const inner = branches.filter((branch) =>
    branch.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'custom'),
  );
  return inner.sort((a, b) => a.length - b.length)[0];
}

function unknownKey(key: string, allowed: readonly string[]): string {
  const meant = didYouMean(key, allowed);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  const list = allowed.length === 0 ? '' : ` (allowed: ${[...allowed].join(', ')})`;
  return `unknown key${hint}${list}`;
}

/** `expected one of "json", "pretty"`, with a suggestion when `value` may be shown. */
export function expectedOneOf(options: readonly string[], value?: unknown): string {
  const meant = typeof value === 'string' ? didYouMean(value, options) : undefined;
  const list = options.map((option) => `"${option}"`).join(', ');
  const expected = options.length === 1 ? `expected ${list}` : `expected one of ${list}`;
  return meant === undefined ? expected : `${expected}; did you mean "${meant}"?`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'nothing',
};

function describe(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return describeType(issue.expected, issue.input, issue.inst);
    case 'invalid_value':
      return issue.input === undefined ? 'missing' : expectedOneOf(issue.values.map(String), issue.input);
    case 'too_small':
      return `expected ${bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`;
    case 'too_big':
      return `expected ${bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
    case 'invalid_format':
      return `expected a string of the form ${'pattern' in issue && issue.pattern ? issue.pattern : issue.format}`;
    case 'invalid_union':
      return describeUnion(issue);
    default:
      return undefined;
  }
}

/** Forms that one key tells apart are named by it. */
function describeUnion(issue: Extract<z.core.$ZodRawIssue, { code: 'invalid_union' }>): string {
  const { input, inst, discriminator } = issue;
  if (typeof discriminator !== 'string') return input === undefined ? 'missing' : 'matches none of the allowed forms';
  const forms = (def(inst)?.['options'] ?? []) as readonly z.core.$ZodType[];
  const names = forms.flatMap((form) => [...(form._zod.propValues?.[discriminator] ?? [])].map(String));
  const value = isRecord(input) ? input[discriminator] : undefined;
  return value === undefined ? `missing; ${expectedOneOf(names)}` : expectedOneOf(names, value);
}

function describeType(expectedType: string, input: unknown, inst: unknown): string {
  const isInteger = def(inst)?.['format'] === 'safeint';
  const expected = `expected ${typeNames[isInteger ? 'int' : expectedType] ?? expectedType}`;
  if (input === undefined) return `missing; ${expected}`;
  if (input === null) return `empty; ${expected}`;
  if (expectedType === 'string' && (typeof input === 'number' || typeof input === 'boolean')) {
    return `${expected}; put it in quotes`;
  }
  if (typeof input === 'string' && ['number', 'int', 'boolean'].includes(expectedType)) {
    return `${expected}, without quotes; a placeholder always gives a string`;
  }
  return expected;
}

const units: Readonly<Record<string, string>> = { string: 'characters', array: 'entries', set: 'entries' };

function bound(origin: string, relation: string, limit: number | bigint): string {
  const unit = units[origin];
  if (unit === undefined) return `${relation} ${limit}`;
  const singular = unit === 'entries' ? 'entry' : 'character';
  return `${relation} ${limit} ${Number(limit) === 1 ? singular : unit}`;
}

function def(inst: unknown): Record<string, unknown> | undefined {
  if (typeof inst !== 'object' || inst === null || !('_zod' in inst)) return undefined;
  return (inst as { _zod: { def: Record<string, unknown> } })._zod.def;
}

function shapeKeys(inst: unknown): readonly string[] {
  const shape = def(inst)?.['shape'];
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : [];
}
